/**
 * Inflow: the bytes of requests that have begun to arrive, all connections of a node together.
 *
 * Each connection bounds its own request, but ten thousand of them with sixteen mebibytes each are
 * more than any machine has. This is the bound over all: a plain count that the connections of one
 * listener share, made anew with it, since they all end with it.
 */
export class Inflow {
  private bytes = 0;

  constructor(private readonly bytesMax: number) {}

  /** Whether there is more on its way than the node wants to hold. */
  get isFull(): boolean {
    return this.bytes > this.bytesMax;
  }

  /** A connection holds so many bytes more, or fewer, than before. */
  change(bytes: number): void {
    this.bytes += bytes;
  }
}
