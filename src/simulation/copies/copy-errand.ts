/** Copy errands: requests of clients on their way through simulated nodes. */
import type { KeyId } from '../../chord/id';
import type { BinaryString, Octets } from '../../octets';
import type { Done, NotOwner } from '../../protocol/rpc-data';
import type { Route } from '../../replication/route';
import type { Testimony, Witness } from '../../replication/testimony';

/** What a client wants to wait for: a majority of the copies, or any one of them. */
export type Consistency = 'quorum' | 'eventual';

/** What a client asks. */
export interface CopyRequest {
  readonly op: 'get' | 'put' | 'delete';
  readonly consistency: Consistency;
  readonly key: BinaryString;
  /** Of a put. */
  readonly value: Octets;
}

/** A request on its way. */
export interface CopyErrand {
  readonly request: CopyRequest;
  readonly keyId: KeyId;
  /** Who has passed it on, if he keeps the key too. */
  readonly witness: Witness | undefined;
  /** What this node has said when it was passed on. */
  testimony: Testimony | undefined;
  route: Route;
  /** Counts what it was waiting for: what is of anything earlier comes too late. */
  attempt: number;
  isOver: boolean;
  readonly done: (answer: Done | NotOwner) => void;
}
