/**
 * Held reports: what a node reports while it starts is kept back until it is known how that ends.
 *
 * A node that cannot start says why in one line. The steps that led there are for someone who asked for
 * every step; errors are told in any case.
 */
import type { Level, Report, ReportHandler } from '../otp';

/** A handler that keeps reports back, until it is told what to do with them. */
export class HeldReports {
  private held: [Level, Report][] = [];
  private isOpen = false;

  constructor(private readonly handler: ReportHandler) {}

  /** What the node is given. */
  readonly take: ReportHandler = (level, report) => {
    if (this.isOpen) this.handler(level, report);
    else this.held.push([level, report]);
  };

  /** The node serves: everything is passed on, now and from now on. */
  passOn(): void {
    this.release(() => true);
  }

  /** The node does not serve: only errors are passed on. */
  passOnErrors(): void {
    this.release((level) => level === 'error');
  }

  private release(isWanted: (level: Level) => boolean): void {
    this.isOpen = true;
    for (const [level, report] of this.held) if (isWanted(level)) this.handler(level, report);
    this.held = [];
  }
}
