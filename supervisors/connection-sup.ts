/**
 * Connection supervisor: one child per client.
 *
 *   connection-sup      simple_one_for_one
 *   └── connection …    temporary: a client that lost its connection makes a new one
 *
 * Connections are temporary, so a client that makes its connection crash counts against no
 * intensity and cannot climb the tree. On the way down they get a moment to send what they have
 * answered: half of the second within which a node serves again, since the next connection-sup
 * must wait for it when a supervisor above was killed and a client does not read.
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
