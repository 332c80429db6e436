/**
 * Registered names: how processes find each other when pids die with their processes.
 *
 * A name belongs to one process and a process has one name (fact 91). A name is looked up when
 * something is sent, so it always means whoever holds it then (fact 94). `via` names delegate the
 * same four questions to another registry, such as one that spans nodes (fact 95).
 */
import { BadArgument } from './errors';
import { assertNotDead, Pid, type Process } from './process';
import type { Reference } from './reference';

declare const accepts: unique symbol;

/** A registered name that says what its holder accepts. Make one with {@link nameOf}. */
export type Name<M> = string & { readonly [accepts]: (message: M) => void };

/** A name in another registry than the runtime's own. */
export interface Via<in M> {
  readonly via: ViaRegistry;
  readonly name: string;
  readonly [accepts]?: (message: M) => void;
}

/** What a registry must offer so that its names can be used wherever a name can. */
export interface ViaRegistry {
  /** False when the name is taken. */
  registerName(name: string, pid: Pid): boolean;
  unregisterName(name: string): void;
  whereisName(name: string): Pid | undefined;
}

/** Where a message can go: a process, a name, or an alias. */
export type Destination<M> = Pid<M> | Name<M> | Via<M> | Reference;

/** A name whose holder accepts `M`. */
export const nameOf = <M = never>(name: string): Name<M> => name as Name<M>;

/** Whether a destination is a {@link Via}: it is known by its two fields, since user code writes it as a plain object. */
export const isVia = (value: unknown): value is Via<never> =>
  typeof value === 'object' && value !== null && 'via' in value && 'name' in value;

/** @throws BadArgument when this can be nobody's name (fact 91) */
export function checkName(name: string): void {
  if (name === '' || name === 'undefined') throw new BadArgument(`Cannot register: "${name}" is no name`);
}

/** The names of one runtime, held by living processes only. */
export class Registry {
  private readonly holders = new Map<string, Process>();

  /** @throws BadArgument when the name is taken or empty, or the process is dead or has a name */
  register(name: string, pid: Pid): true {
    assertNotDead();
    const process = pid.process;
    checkName(name);
    if (this.holders.has(name)) throw new BadArgument(`Cannot register: "${name}" is taken`);
    if (process === undefined) throw new BadArgument(`Cannot register "${name}": ${String(pid)} is dead`);
    if (process.name !== undefined)
      throw new BadArgument(`Cannot register "${name}": ${String(pid)} is "${process.name}"`);
    this.holders.set(name, process);
    process.name = name;
    return true;
  }

  /** @throws BadArgument when nobody holds the name */
  unregister(name: string): true {
    assertNotDead();
    const process = this.holders.get(name);
    if (process === undefined) throw new BadArgument(`Cannot unregister: nobody is "${name}"`);
    this.free(process);
    return true;
  }

  whereis(name: string): Pid | undefined {
    return this.holders.get(name)?.pid;
  }

  /** All names that are held, in order of registration. */
  registered(): string[] {
    return [...this.holders.keys()];
  }

  /** The process has ended: its name is free again. */
  free(process: Process): void {
    if (process.name === undefined) return;
    this.holders.delete(process.name);
    process.name = undefined;
  }

  /** The living process behind a pid or a name, if there is one. */
  find(to: Pid | Name<never> | Via<never>): Process | undefined {
    if (typeof to === 'string') return this.holders.get(to);
    return to instanceof Pid ? to.process : to.via.whereisName(to.name)?.process;
  }
}
