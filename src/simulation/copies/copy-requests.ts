/**
 * Copy requests: how a simulated node serves clients, alone and together with others that have copies. What a real
 * node does in actors/coordinator.ts, without its care for memory and for the order of a connection.
 */
import { keyId, type KeyId } from '../../chord/id';
import type { Peer } from '../../chord/peer';
import { primaryAmong } from '../../chord/primary';
import { EMPTY } from '../../octets';
import type { DataAnswer, Done, NotOwner, RequestQuestion } from '../../protocol/rpc-data';
import { type Place, routeOf, type RouteEffect, type RouteEvent, stepRoute } from '../../replication/route';
import type { Witness } from '../../replication/testimony';
import { primaryOf } from '../../replication/view';
import { type Standing, standingOf } from '../../replication/views';
import { unreachable } from '../../unreachable';
import type { AskOutcome, CopyAnswer } from '../packet';
import { isCopyHere } from './copy-alone';
import type { CopyErrand, CopyRequest } from './copy-errand';
import { CopyQuorums } from './copy-quorums';
import { answerWitness, keepMinted, testimonyFor } from './copy-witness';
import type { KeptNode } from './copy-world';

const DEADLINE_MS = 5000;
const FORWARDED_DEADLINE_MS = 3000;

/** The requests of one node. */
export class CopyRequests {
  private readonly quorums: CopyQuorums;

  constructor(private readonly keeper: KeptNode) {
    this.quorums = new CopyQuorums(keeper, (errand, event) => this.advance(errand, event));
  }

  /** Serves a client. `done` is called once, unless the node dies. */
  serve(request: CopyRequest, done: (answer: Done | NotOwner) => void): void {
    this.begin(this.errandOf(request, DEADLINE_MS, undefined, false, done));
  }

  /** Serves what another node has passed on, and may keep too. */
  passedOn(from: Peer, question: RequestQuestion, reply: (answer: CopyAnswer) => void): void {
    const { type: op, key, testimony } = question;
    const value = question.type === 'put' ? question.value : EMPTY;
    const consistency = question.consistency === 'eventual' ? 'eventual' : 'quorum';
    const witness = testimony && { peer: from, testimony };
    const errand = this.errandOf({ op, key, value, consistency }, FORWARDED_DEADLINE_MS, witness, true, reply);
    const answer = witness && answerWitness(this.keeper, errand, witness);
    if (answer) reply(answer);
    else this.begin(errand);
  }

  // Internal

  private errandOf(
    request: CopyRequest,
    forMs: number,
    witness: Witness | undefined,
    isForwarded: boolean,
    done: (answer: Done | NotOwner) => void,
  ): CopyErrand {
    const { keeper } = this;
    const { op, key, value } = request;
    const deadlineMs = keeper.nowMs + forMs - (op === 'get' ? 0 : keeper.waitedMs);
    const { id: self } = keeper.host.self;
    const route = routeOf({ op, self, isDirect: false, isForwarded, deadlineMs, valueBytes: value.length });
    return { request, keyId: keyId(key), witness, testimony: undefined, route, attempt: 0, isOver: false, done };
  }

  private begin(errand: CopyErrand): void {
    const { keeper } = this;
    const { deadlineMs } = errand.route;
    this.advance(errand, { type: 'begun' });
    keeper.host.after(Math.max(0, deadlineMs - keeper.nowMs), () =>
      this.advance(errand, { type: 'expired', written: this.quorums.begun(errand) }),
    );
  }

  private advance(errand: CopyErrand, event: RouteEvent): void {
    if (errand.isOver) return;
    const { keeper } = this;
    const [route, effect] = stepRoute(errand.route, event, keeper.nowMs, keeper.world.random());
    errand.route = route;
    errand.attempt += 1;
    this.perform(errand, effect);
  }

  private perform(errand: CopyErrand, effect: RouteEffect): void {
    const { attempt } = errand;
    const { host } = this.keeper;
    const isCurrent = () => errand.attempt === attempt;
    switch (effect.type) {
      case 'place':
        return this.advance(errand, { type: 'placed', place: this.placeOf(errand) });
      case 'serve':
        return this.quorums.serve(errand);
      case 'send':
        return this.send(errand, effect);
      case 'look_up':
        return host.ownerOf(errand.keyId, (owner) => {
          if (isCurrent()) this.advance(errand, { type: 'looked_up', owner });
        });
      case 'rest':
        host.after(effect.ms, () => {
          if (isCurrent()) this.advance(errand, { type: 'rested' });
        });
        return undefined;
      case 'finish':
        errand.isOver = true;
        return errand.done(effect.answer);
      default:
        return unreachable(effect);
    }
  }

  private send(errand: CopyErrand, { to, what, timeoutMs }: RouteEffect & { type: 'send' }): void {
    const { attempt } = errand;
    const question = questionOf(errand.request, what);
    errand.testimony = testimonyFor(this.keeper, errand, question);
    const asked = { ...question, testimony: errand.testimony };
    this.keeper.host.askKeeper(to, asked, timeoutMs, (outcome) => {
      if (errand.attempt === attempt) this.advance(errand, this.sentEvent(errand, outcome));
    });
  }

  private sentEvent(errand: CopyErrand, outcome: AskOutcome): RouteEvent {
    if (outcome.type === 'failed') {
      return { type: 'failed', failure: { code: outcome.code, wasSent: outcome.code !== 'unreachable' } };
    }
    const { answering, from } = outcome;
    if (answering.type !== 'copies') return { type: 'failed', failure: { code: 'bad_answer', wasSent: true } };
    const { answer } = answering;
    if (answer.type === 'minted') return keepMinted(this.keeper, errand, answer, from);
    return { type: 'answered', answer: answer as DataAnswer };
  }

  private placeOf({ keyId: key, request }: CopyErrand): Place {
    const { views, host } = this.keeper;
    const standing: Standing = standingOf(views, key);
    if (isCopyHere(request, standing, views)) return { type: 'here' };
    switch (standing.type) {
      case 'primary':
        return { type: 'here' };
      case 'member': {
        const primary = primaryOf(standing.view);
        return host.isTrusted(primary) ? { type: 'elsewhere', peer: primary } : { type: 'not_yet' };
      }
      case 'changing':
        return { type: 'not_yet' };
      case 'elsewhere':
        return this.elsewhere(standing.hint, key);
      default:
        return unreachable(standing);
    }
  }

  /** A real node has a list of all members; this one goes by its successors. */
  private elsewhere(hint: Peer | undefined, key: KeyId): Place {
    const { host } = this.keeper;
    const { self, successors, predecessor } = host.member;
    const others = [...successors, predecessor].filter(({ id }) => id !== self.id);
    const list = [self, ...others.filter(({ id }, at) => others.findIndex((peer) => peer.id === id) === at)];
    const primary = primaryAmong(list, key, (peer) => host.isTrusted(peer));
    const isOfUse = hint !== undefined && host.isTrusted(hint);
    const peer = isOfUse && (primary === undefined || primary.id === self.id) ? hint : primary;
    if (peer === undefined && host.member.phase !== 'member') return { type: 'outside' };
    return { type: 'elsewhere', peer };
  }
}

function questionOf({ op, key, value, consistency }: CopyRequest, what: 'request' | 'check'): RequestQuestion {
  // Whether a write has been done is for a majority to say.
  if (what === 'check') return { type: 'get', key, consistency: 'quorum' };
  return op === 'put' ? { type: op, key, value, consistency } : { type: op, key, consistency };
}
