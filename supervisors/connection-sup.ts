/**
 * Connection supervisor: one child for each client, and for each node that speaks to this one.
 *
 *   connection-sup      simple_one_for_one
 *   └── connection …    temporary: whoever has lost a connection makes a new one
 *
 * Connections are temporary, so whoever makes one crash counts against no
 * intensity and cannot climb the tree. On the way down they get a moment to send what they have
 * answered: half of the second within which a node serves again, since the next connection-sup
 * must wait for it when a supervisor above was killed and somebody does not read.
 */
import * as connection from '../actors/connection';
import { nameOf, type Supervisor, type SupervisorRef, supervisor } from '../src/otp';
import { registered } from '../actors/registered';

export const NAME: SupervisorRef = nameOf('connection-sup');

export const startLink = () => supervisor.startLink(connectionSup, undefined, registered('connection-sup'));

const FLUSH_MS = 500;

const connectionSup: Supervisor<undefined> = {
  init: () => ({
    flags: { strategy: 'simple_one_for_one' },
    children: [{ id: 'connection', start: connection.startLink, restart: 'temporary', shutdown: FLUSH_MS }],
  }),
};
