/** An arc that three nodes keep, as one of them sees it: what the tests of views begin with. */
import type { ViewAnswer, ViewQuestion } from '../../src/protocol/rpc-views';
import { arc, OneNode, peer, view } from './one-node';

/** Three that keep the arc, and one that would be the next to. */
export const [A, B, C, D] = [peer('1'), peer('3'), peer('5'), peer('7')];
export const own = view(arc('5', '1'), 4, [A, B, C]);
export const CLOCK = own.floor;

/** Answers promises as a voter of a view would, and everything else as somebody who agrees. */
export const agree =
  (held: ReturnType<typeof view>, role: 'voter' | 'learner' = 'voter') =>
  (question: ViewQuestion): ViewAnswer | undefined => {
    switch (question.type) {
      case 'seal':
        return { type: 'sealed', pieces: [{ arc: held.arc, view: held, role, pending: [] }], clock: CLOCK };
      case 'view_new':
        return { type: 'adopted' };
      case 'depart':
      case 'view_voter':
        return { type: 'noted' };
      case 'view_get':
        return { type: 'views', views: [] };
      default:
        return undefined;
    }
  };

/** The first of the three, which leads it. */
export function leader(held = own): OneNode {
  return new OneNode(A).holds(held).ring(A, B, C);
}
