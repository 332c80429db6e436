/**
 * Every error code that a caller or a script can meet, once: what it means and what to do about it.
 *
 * A code is part of the interface and never changes its meaning. The message that goes with it says
 * what happened this time; the advice here is what `--json` prints as `hint`.
 */

/** What a code stands for. */
export interface ErrorEntry {
  /** What has happened, as one sentence. */
  readonly meaning: string;
  /** What to do about it, as one sentence. */
  readonly advice: string;
}

/** What can become of a request to a node. */
export const CLIENT_ERRORS = {
  not_found: {
    meaning: 'There is no such key',
    advice: 'Nothing: an absent key is an ordinary answer',
  },
  invalid_request: {
    meaning: 'The node does not understand the request, or the request breaks one of its limits',
    advice: "Compare the request with the node's limits, and the client's protocol version with the node's",
  },
  server_error: {
    meaning: 'The node could not do it: the request had no effect and will have none',
    advice: 'Try again after a while; look at the health of the node and its neighbours',
  },
  not_responsible: {
    meaning: 'The node cannot serve or route this key now, because it is joining or leaving',
    advice: 'Ask another node',
  },
  timeout: {
    meaning: 'No answer came in time; a write that was sent may or may not take effect',
    advice: 'Read the key to learn what became of a write; allow more time with a longer timeout',
  },
  connection_lost: {
    meaning: 'The connection ended before the answer; a write that was sent may or may not take effect',
    advice: 'Read the key to learn what became of a write; see why the node closed the connection',
  },
  not_connected: {
    meaning: 'No node could be reached, so nothing was sent',
    advice: 'Start a node, or name the address of one that runs',
  },
  overloaded: {
    meaning: 'Too many requests wait in this client, so nothing was sent',
    advice: 'Wait for answers before asking for more, or raise inFlightMax or waitingMax',
  },
  too_large: {
    meaning: 'The key or the value is longer than allowed, so nothing was sent',
    advice: 'Store something smaller, or raise the limit here and at every node',
  },
  invalid_options: {
    meaning: 'An option has a value that cannot be used, so nothing was sent',
    advice: 'Correct the option that the message names',
  },
} as const satisfies Record<string, ErrorEntry>;

/** What can become of the program before or besides any request. */
export const PROGRAM_ERRORS = {
  usage: {
    meaning: 'The command line asks for something that the program does not have',
    advice: 'Add --help to the command to see what it takes',
  },
  invalid_settings: {
    meaning: 'A setting is unknown or has a value that cannot be used',
    advice: 'Correct the setting that the message names; --print-config shows where each comes from',
  },
  internal: {
    meaning: 'The program met something that it was not made for',
    advice: 'Report it together with the command that was run',
  },
} as const satisfies Record<string, ErrorEntry>;

/** Every code there is. */
export const ERRORS = { ...CLIENT_ERRORS, ...PROGRAM_ERRORS } as const;

/** A code that a request can end with. */
export type ClientErrorCode = keyof typeof CLIENT_ERRORS;

/** Any code that a caller or a script can meet, as `--json` prints it. */
export type ErrorCode = keyof typeof ERRORS;
