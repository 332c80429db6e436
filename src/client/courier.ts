/**
 * Courier: sees a request through to its outcome, with as many attempts as that takes.
 *
 * An attempt goes to the nodes that the client was given, which pass it on to where the key is; or,
 * with `routing: 'direct'`, straight to the key's own node as far as that is known. A node that is not
 * the right one says which is, and so the client learns (node-map.ts). Where a direct attempt leads
 * nowhere, the request takes the ordinary way.
 *
 * What has definitely had no effect may be tried again, after a wait that grows and is left to chance in
 * part. What may have had its effect is never tried again by itself, unless it only reads.
 */
import { type KeyId, keyId } from '../chord/id';
import { err } from '../result';
import type { Address } from './address';
import { backoffMs } from './backoff';
import { Call, type Outcome, type Question } from './call';
import type { ClientError } from './client-error';
import { DirectNodes } from './direct-nodes';
import type { Known } from './node-map';
import type { ClientSettings } from './options';
import type { Pool } from './pool';

/** How often a request follows a node's word about where its key is before it takes the ordinary way. */
const REDIRECTS_MAX = 3;

/** One request, from the call to its outcome. */
interface Errand {
  readonly question: Question;
  readonly deadlineAtMs: number;
  readonly settle: (outcome: Outcome) => void;
  /** How often nodes have refused it. */
  refusals: number;
  redirects: number;
  /** An attempt may have had its effect: no later refusal settles that. */
  inDoubt: boolean;
}

/** Carries requests to the nodes of one cluster. */
export class Courier {
  private readonly nodes: DirectNodes;
  /** Those who wait for their next attempt, and how to stop their alarms. */
  private readonly resting = new Map<Errand, { readonly stop: () => void; readonly error: ClientError }>();
  private closed = false;

  /** @param home the connections to the nodes that the client was given */
  constructor(
    private readonly home: Pool,
    private readonly settings: ClientSettings,
  ) {
    this.nodes = new DirectNodes(settings);
  }

  /** Carries a request to its outcome, at the latest a little after its deadline. */
  submit(question: Question, deadlineAtMs: number, settle: (outcome: Outcome) => void): void {
    const errand = { question, deadlineAtMs, settle, refusals: 0, redirects: 0, inDoubt: false };
    if (this.settings.routing === 'direct' && isAboutKey(question)) this.tryDirectly(errand);
    else this.tryRouted(errand);
  }

  /** Ends every connection. What waits for another attempt ends with the failure of its last one. */
  close(): void {
    this.closed = true;
    for (const [errand, { stop, error }] of this.resting) {
      stop();
      this.finish(errand, err(error));
    }
    this.resting.clear();
    this.home.close();
    this.nodes.close();
  }

  // The ordinary way

  private tryRouted(errand: Errand): void {
    this.home.submit(
      new Call(errand.question, errand.deadlineAtMs, (outcome) => {
        if (!outcome.ok && this.mayRepeat(outcome.error)) this.rest(errand, outcome.error);
        else this.finish(errand, outcome);
      }),
    );
  }

  private mayRepeat({ code, definite }: ClientError): boolean {
    return definite && this.settings.retryRefused && (code === 'server_error' || code === 'not_responsible');
  }

  /** Waits before the next attempt; where there is no time for one, the failure of this one stands. */
  private rest(errand: Errand, error: ClientError): void {
    const { environment } = this.settings;
    errand.refusals += 1;
    const delayMs = backoffMs(errand.refusals, this.settings, environment.random());
    if (this.closed || environment.nowMs() + delayMs >= errand.deadlineAtMs) return this.finish(errand, err(error));
    const stop = environment.startTimer(delayMs, () => {
      this.resting.delete(errand);
      this.tryRouted(errand);
    });
    this.resting.set(errand, { stop, error });
  }

  // Directly

  private tryDirectly(errand: Errand): void {
    const key = keyId(errand.question.key);
    const node = this.nodes.ownerOf(key);
    if (node === undefined) this.attempt(errand, key, this.home, undefined);
    else this.attempt(errand, key, node.content, node);
  }

  private attempt(errand: Errand, key: KeyId, pool: Pool, node: Known<Pool> | undefined): void {
    const { question } = errand;
    const call = new Call({ ...question, direct: true }, this.directDeadline(errand), (outcome) => {
      if (outcome.ok || outcome.error.code === 'not_found') return this.finish(errand, outcome);
      this.directFailed(errand, key, node, outcome.error);
    });
    pool.submit(call);
  }

  /** A read that a hanging node does not answer is worth another attempt while there is time. */
  private directDeadline({ question: { op }, deadlineAtMs }: Errand): number {
    if (op !== 'get') return deadlineAtMs;
    const nowMs = this.settings.environment.nowMs();
    return nowMs + (deadlineAtMs - nowMs) / 2;
  }

  private directFailed(errand: Errand, key: KeyId, node: Known<Pool> | undefined, error: ClientError): void {
    switch (error.code) {
      case 'not_responsible':
        return this.redirect(errand, key, error.primary);
      case 'server_error':
        return this.tryRouted(errand);
      case 'not_connected':
      case 'connection_lost':
      case 'timeout':
        if (node !== undefined) this.nodes.avoid(node);
        return this.lostOnTheWay(errand, error);
      default:
        return this.finish(errand, err(error));
    }
  }

  private redirect(errand: Errand, key: KeyId, primary: Address | undefined): void {
    const owner = primary && this.nodes.learn(key, primary);
    if (primary !== undefined) this.home.alsoKnow(primary);
    errand.redirects += 1;
    if (owner === undefined || errand.redirects > REDIRECTS_MAX) this.tryRouted(errand);
    else this.attempt(errand, key, owner.content, owner);
  }

  /** A node could not be reached, or did not answer. */
  private lostOnTheWay(errand: Errand, error: ClientError): void {
    const { op, retryIndeterminate } = errand.question;
    const isHarmless = error.definite || op === 'get';
    const hasTime = this.settings.environment.nowMs() < errand.deadlineAtMs;
    if (this.closed || !hasTime || !(isHarmless || retryIndeterminate)) return this.finish(errand, err(error));
    errand.inDoubt ||= !isHarmless;
    this.tryRouted(errand);
  }

  private finish({ settle, inDoubt }: Errand, outcome: Outcome): void {
    settle(outcome.ok || !inDoubt ? outcome : err({ ...outcome.error, definite: false }));
  }
}

const isAboutKey = ({ op }: Question) => op === 'get' || op === 'put' || op === 'delete';
