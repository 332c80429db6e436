/** The line of version 1 answers: they leave in the order of their places, whatever order they come in. */
import * as fc from 'fast-check';
import { AnswerLine } from '../../actors/answer-line';
import { fromUtf8, toBuffer } from '../../src/octets';
import type { ResponseV1 } from '../../src/protocol/client-protocol';

const answerOf = (value: string): ResponseV1 => ({
  type: 'response',
  version: 1,
  status: 'success',
  value: fromUtf8(value),
});

describe('AnswerLine', () => {
  it('holds an answer back until those before it have left', () => {
    const sent: string[] = [];
    const line = new AnswerLine(({ value }) => sent.push(toBuffer(value).toString()));
    const [first, second] = [line.reserve(), line.reserve()];
    line.fill(second, answerOf('second'));
    expect({ sent: [...sent], length: line.length, bytes: line.bytesWaiting }).toEqual({
      sent: [],
      length: 2,
      bytes: 6,
    });
    line.fill(first, answerOf('first'));
    expect({ sent, length: line.length, bytes: line.bytesWaiting }).toEqual({
      sent: ['first', 'second'],
      length: 0,
      bytes: 0,
    });
  });

  it('sends any number of answers in order, and has nothing left then', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(), { maxLength: 40 }), (ranks) => {
        const sent: string[] = [];
        const line = new AnswerLine(({ value }) => sent.push(toBuffer(value).toString()));
        const slots = ranks.map(() => line.reserve());
        const byRank = ranks.map((rank, place) => ({ rank, place })).sort((a, b) => a.rank - b.rank);
        for (const { place } of byRank) {
          const slot = slots[place];
          if (slot !== undefined) line.fill(slot, answerOf(`${place}`));
        }
        expect(sent).toEqual(ranks.map((_rank, place) => `${place}`));
        expect([line.length, line.bytesWaiting]).toEqual([0, 0]);
      }),
    );
  });

  it('forgets all of it', () => {
    const sent: unknown[] = [];
    const line = new AnswerLine((answer) => sent.push(answer));
    line.reserve();
    line.fill(line.reserve(), answerOf('late'));
    line.clear();
    expect([line.length, line.bytesWaiting, sent]).toEqual([0, 0, []]);
  });
});
