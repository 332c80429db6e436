/**
 * Key counts: which member of a large ring owns a key, a million times over.
 *
 * The identifiers are the real ones, SHA-1 of addresses and keys, but only their first 52 bits are
 * compared, as plain numbers: among a million of them two that agree so far are not to be expected.
 */
import { type Id, keyId } from '../chord/id';
import { fromUtf8 } from '../octets';

const DIGITS = 13;
const CIRCLE = 16 ** DIGITS;

/** The first 52 bits of an identifier, as a number. */
export const positionOf = (id: Id): number => Number.parseInt(id.slice(0, DIGITS), 16);

/** Where the key of this name belongs. */
export const keyPosition = (name: string): number => positionOf(keyId(fromUtf8(name)));

/** Members of a ring by their positions, several of which may belong to one node. */
export class Positions {
  private readonly positions: Float64Array;
  private readonly nodes: Int32Array;
  /** For each slice of the circle, the first place that is not before it. */
  private readonly firstPlaces: Int32Array;

  /** @param members position and number of the node it belongs to */
  constructor(members: readonly (readonly [position: number, node: number])[]) {
    const sorted = [...members].sort(([a], [b]) => a - b);
    this.positions = Float64Array.from(sorted, ([position]) => position);
    this.nodes = Int32Array.from(sorted, ([, node]) => node);
    this.firstPlaces = new Int32Array(2 * sorted.length);
    for (let slice = 0, place = 0; slice < this.firstPlaces.length; slice += 1) {
      const start = (slice * CIRCLE) / this.firstPlaces.length;
      while (place < sorted.length && (this.positions[place] as number) < start) place += 1;
      this.firstPlaces[slice] = place;
    }
  }

  /** The number of the node that owns this position: of the first member at or behind it. */
  ownerOf(position: number): number {
    const { positions, firstPlaces, nodes } = this;
    let place = firstPlaces[Math.floor((position / CIRCLE) * firstPlaces.length)] as number;
    while (place < positions.length && (positions[place] as number) < position) place += 1;
    return nodes[place === positions.length ? 0 : place] as number;
  }
}
