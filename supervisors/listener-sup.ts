/**
 * Listener supervisor: everything between the TCP port and the requests of one client or node.
 *
 *   listener-sup        rest_for_one
 *   ├── connection-sup  simple_one_for_one: one temporary connection per client, or node that speaks to this one
 *   └── acceptor        hands each accepted socket to connection-sup
 *
 * The order is the design: if connection-sup falls, the acceptor must not go on handing it
 * sockets; if the acceptor falls, those already served must not notice. Ten restarts in ten
 * seconds: what makes an acceptor fail, such as a port that somebody else holds for a moment, is
 * over by then or is not going to be.
 */
import * as acceptor from '../actors/acceptor';
import { type Supervisor, supervisor } from '../src/otp';
import * as connectionSup from './connection-sup';
import { Inflow } from '../actors/inflow';
import { registered } from '../actors/registered';

export type Args = Pick<acceptor.Args, 'settings' | 'takeDoor' | 'openClientSession' | 'openPeerSession'>;

export const startLink = (args: Args) => supervisor.startLink(listenerSup, args, registered('listener-sup'));

const listenerSup: Supervisor<Args> = {
  init(args) {
    const inflow = new Inflow(args.settings.arrivingBytesMax);
    return {
      flags: { strategy: 'rest_for_one', intensity: 10, periodMs: 10_000 },
      children: [
        { id: 'connection-sup', start: () => connectionSup.startLink(), type: 'supervisor' },
        { id: 'acceptor', start: () => acceptor.startLink({ ...args, inflow, connections: connectionSup.NAME }) },
      ],
    };
  },
};
