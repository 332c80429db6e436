/**
 * What a supervisor does, told as plainly as possible: no processes, no waiting, a list of children
 * and a queue of messages. Slow, and an oracle for the real one.
 */
import { type ChildSpec, formatTerm, isExpectedExit, type Reason, type SupervisorFlags } from '../../src/otp';

export type RestartType = NonNullable<ChildSpec['restart']>;
export type Flags = Required<SupervisorFlags>;

export interface NaiveChild {
  readonly id: string;
  readonly restart: RestartType;
  readonly significant: boolean;
  /** Which of its processes it is now, counted from 1; the last one while it is restarting. */
  generation: number;
  state: 'running' | 'restarting' | 'down';
}

export type Request =
  | { readonly type: 'start'; readonly id: string; readonly restart: RestartType; readonly significant: boolean }
  | { readonly type: 'terminate' | 'restart' | 'delete'; readonly id: string }
  | { readonly type: 'count' };

type Message =
  | { readonly type: 'exit'; readonly id: string; readonly generation: number; readonly reason: Reason }
  | { readonly type: 'call'; readonly request: Request; readonly generation: number; readonly index: number }
  | { readonly type: 'retry'; readonly child: NaiveChild };

export class NaiveSupervisor {
  children: NaiveChild[] = [];
  ended = false;
  /** Its reports, as `context id reason`. */
  readonly complaints: string[] = [];
  /** What each call of the batch was answered. */
  answers: string[] = [];
  /** How often each id was started. */
  readonly generations = new Map<string, number>();
  private readonly living = new Set<string>();
  private readonly failures = new Map<string, number>();
  private queue: Message[] = [];
  private restarts: number[] = [];

  constructor(private readonly flags: Flags) {}

  get isSimple(): boolean {
    return this.flags.strategy === 'simple_one_for_one';
  }

  /** What happens outside of it, before it has a turn. */
  fail(id: string, times: number): void {
    this.failures.set(id, (this.failures.get(id) ?? 0) + times);
  }

  die(id: string, reason: Reason): void {
    const generation = this.generations.get(id) ?? 0;
    if (this.living.delete(`${id}#${generation}`)) this.queue.push({ type: 'exit', id, generation, reason });
  }

  call(request: Request): void {
    const generation = 'id' in request ? (this.generations.get(request.id) ?? 0) : 0;
    this.queue.push({ type: 'call', request, generation, index: this.answers.length });
    this.answers.push('exit');
  }

  /** Lets it deal with all that has come in. */
  run(nowMs: number): void {
    for (let message = this.queue.shift(); message && !this.ended; message = this.queue.shift())
      this.take(message, Math.floor(nowMs / 1000));
  }

  /** `id#generation`, or `id:down`. */
  snapshot(): string[] {
    return this.children.map(({ id, state, generation }) =>
      state === 'running' ? `${id}#${generation}` : `${id}:${state}`,
    );
  }

  private take(message: Message, second: number): void {
    if (message.type === 'call') this.answers[message.index] = this.answer(message.request, message.generation);
    else if (message.type === 'retry') {
      if (this.children.includes(message.child) && message.child.state === 'restarting')
        this.restart(message.child, second);
    } else {
      const { id, generation, reason } = message;
      const child = this.children.find(
        (one) => one.id === id && one.generation === generation && one.state === 'running',
      );
      if (child) this.childExited(child, reason, second);
    }
  }

  private childExited(child: NaiveChild, reason: Reason, second: number): void {
    const isQuiet = isExpectedExit(reason);
    if (child.restart === 'permanent' || !isQuiet) this.complain('child_terminated', child, reason);
    if (child.restart === 'permanent' || (child.restart === 'transient' && !isQuiet)) {
      this.restart(child, second);
      return;
    }
    this.forget(child);
    if (!child.significant) return;
    const others = this.children.some(({ significant, state }) => significant && state !== 'down');
    if (this.flags.autoShutdown === 'any_significant' || !others) this.end();
  }

  private restart(child: NaiveChild, second: number): void {
    this.restarts = [...this.restarts.filter((earlier) => earlier >= second - this.flags.periodMs / 1000), second];
    if (this.restarts.length > this.flags.intensity) {
      this.complain('shutdown', child, 'reached_max_restart_intensity');
      this.forget(child);
      this.end();
      return;
    }
    const from = { one_for_all: 0, rest_for_one: this.children.indexOf(child) }[this.flags.strategy as string];
    const group = from === undefined ? [child] : this.children.slice(from);
    for (const other of group.toReversed()) if (other !== child) this.stop(other);
    child.state = 'down';
    for (const member of group) {
      if (!this.children.includes(member) || this.start(member)) continue;
      this.complain('start_error', member, 'broken');
      member.state = 'restarting';
      this.queue.push({ type: 'retry', child: member });
      return;
    }
  }

  private start(child: NaiveChild): boolean {
    const failures = this.failures.get(child.id) ?? 0;
    if (failures > 0) {
      this.failures.set(child.id, failures - 1);
      return false;
    }
    child.generation = (this.generations.get(child.id) ?? 0) + 1;
    child.state = 'running';
    this.generations.set(child.id, child.generation);
    this.living.add(`${child.id}#${child.generation}`);
    return true;
  }

  private stop(child: NaiveChild): void {
    if (child.state === 'running' && !this.living.delete(`${child.id}#${child.generation}`)) {
      const exit = this.queue.find((message) => message.type === 'exit' && message.id === child.id);
      const reason = exit?.type === 'exit' ? exit.reason : 'noproc';
      this.queue = this.queue.filter((message) => message !== exit);
      const isExpected = reason === 'shutdown' || (child.restart !== 'permanent' && isExpectedExit(reason));
      if (!isExpected) this.complain('shutdown_error', child, reason);
    }
    this.forget(child);
  }

  private forget(child: NaiveChild): void {
    child.state = 'down';
    if (child.restart === 'temporary' || this.isSimple) this.children = this.children.filter((one) => one !== child);
  }

  private end(): void {
    for (const child of this.children.toReversed()) this.stop(child);
    this.ended = true;
  }

  private answer(request: Request, generation: number): string {
    if (request.type === 'count') {
      const active = this.children.filter(
        ({ id, generation, state }) => state === 'running' && this.living.has(`${id}#${generation}`),
      );
      return `${this.isSimple ? 1 : this.children.length} ${active.length} ${this.children.length}`;
    }
    if (request.type === 'start') return this.startNew(request);
    if (this.isSimple) return this.answerSimple(request, generation);
    const child = this.children.find(({ id }) => id === request.id);
    if (!child) return 'not_found';
    if (request.type === 'terminate') {
      this.stop(child);
      return 'ok';
    }
    if (child.state !== 'down') return child.state;
    if (request.type === 'restart') return this.start(child) ? 'ok' : 'broken';
    this.children = this.children.filter((one) => one !== child);
    return 'ok';
  }

  private answerSimple({ type, id }: { readonly type: string; readonly id: string }, generation: number): string {
    if (type !== 'terminate') return 'simple_one_for_one';
    const child = this.children.find((one) => one.id === id && one.generation === generation);
    if (child) this.stop(child);
    return 'ok';
  }

  private startNew({ id, restart, significant }: Extract<Request, { type: 'start' }>): string {
    const present = this.children.find((child) => child.id === id);
    if (present) return present.state === 'running' ? 'already_started' : 'already_present';
    const child: NaiveChild = { id, restart, significant, generation: 0, state: 'down' };
    if (!this.start(child)) return 'broken';
    this.children.push(child);
    return 'ok';
  }

  private complain(context: string, { id }: NaiveChild, reason: Reason): void {
    this.complaints.push(`${context} ${this.isSimple ? 'x' : id} ${formatTerm(reason)}`);
  }
}
