/** `funnelkvs locate KEY`: finds the nodes that keep a key, and what each has of it. */
import type { LocateInfo } from '../../admin/replica-answers';
import type { AdminFlags } from '../admin-request';
import type { Subcommand } from '../command';
import { EXIT } from '../exit-codes';
import { jsonBytes } from '../octet-text';
import { drawLocation } from '../replica-drawing';
import { locateQuestion } from '../replica-questions';
import { defineShow, show } from '../show';

/** Draws a line for each copy; the exit code says whether they agree. */
export const subcommand: Subcommand = {
  examples: ['locate user:alice', 'locate user:alice --json | jq .agreed'],

  define(command) {
    command.argument('<KEY>', 'the key; it need not exist');
    defineShow(command);
  },

  run(io, [text = ''], flags: AdminFlags) {
    const key = Buffer.from(text, 'utf8');
    const document = ({ key64: _key64, ...found }: LocateInfo) => ({ key: jsonBytes(key), ...found });
    const exitCode = ({ agreed }: LocateInfo) => (agreed ? EXIT.success : EXIT.unsound);
    return show(io, flags, locateQuestion(key), { document, lines: drawLocation, exitCode });
  },
};
