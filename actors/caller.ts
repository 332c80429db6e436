/**
 * Caller: requests of the program that runs the node, which is no client and no process of it.
 *
 * Where the whole ring is this node's, a request is answered on the spot. Any other has a process of
 * its own, which coordinates it as the connection of a client does, and ends with its answer.
 */
import type { NodeSettings } from '../src/config';
import { fromUtf8 } from '../src/octets';
import { Port, type Runtime, type Self, spawn } from '../src/otp';
import type { Response } from '../src/protocol/client-protocol';
import type { Done } from '../src/protocol/rpc-data';
import { holdsWholeRing, waitedMs } from '../src/replication/views';
import { answerRequest } from '../src/store/local-coordinator';
import { responseOf } from './client-session';
import { Coordinator, type Surroundings } from './coordinator';
import type { KeyRequest } from './errand';

// API

/** A node as its caller sees it. */
export interface Called {
  readonly runtime: Runtime;
  readonly settings: Pick<NodeSettings, 'requestTimeoutMs'>;
  readonly surroundings: Surroundings;
}

/** Carries a request out, wherever its key is. Never rejects. */
export function request(node: Called, asked: KeyRequest): Promise<Response> {
  if (node.runtime.isStopped) return Promise.resolve(responseOf(asked, ENDED, 0));
  const answer = node.runtime.run(() => answerHere(node, asked));
  return answer ? Promise.resolve(answer) : inProcess(node, asked);
}

// Internal

const UNDONE = { type: 'done', acks: 0, copies: 1, degraded: true } as const;
const ENDED: Done = { ...UNDONE, status: 'server_error', value: fromUtf8('Cannot answer: this node has been stopped') };
const STOPPED: Done = {
  ...UNDONE,
  status: 'timeout',
  value: fromUtf8('Cannot tell what became of it: this node was stopped meanwhile'),
};

function answerHere({ runtime: { clock }, surroundings }: Called, asked: KeyRequest): Response | undefined {
  const [arcs, store] = [surroundings.arcs(), surroundings.store()];
  if (arcs === undefined || store === undefined) return undefined;
  const { views, beatMs } = arcs;
  if (waitedMs(views, beatMs, clock.nowMs()) > 0 || !holdsWholeRing(views)) return undefined;
  return answerRequest(asked, store, clock.systemMs(), { copies: 1, degraded: views.replicas > 1 });
}

function inProcess({ runtime, settings, surroundings }: Called, asked: KeyRequest): Promise<Response> {
  return new Promise((resolve) => {
    const body = (self: Self<unknown>) => {
      const coordinator = new Coordinator(self, surroundings);
      coordinator.look();
      coordinator.serve(asked, {
        isForwarded: false,
        deadlineAtMs: self.nowMs() + (asked.deadlineMs ?? settings.requestTimeoutMs),
        answer: (answer, hops) => resolve(responseOf(asked, answer, hops)),
      });
      if (coordinator.underWay === 0) return;
      self.serve((message) => {
        coordinator.handle(message);
        if (coordinator.underWay === 0) self.exit('normal');
      });
    };
    const { process } = runtime.run(() => spawn(runtime, body, { initialCall: 'caller:request/2' }));
    // A node that is stopped meanwhile leaves nobody waiting, even if the process has never run.
    if (process) void new Port(process, () => resolve(responseOf(asked, STOPPED, 0)));
  });
}
