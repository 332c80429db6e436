/** RPC limits: how long a message between nodes may be. Apart from the codecs, so that reading settings loads none. */

/** Longest message of a node that was told nothing else, its length field not counted: 64 MiB. */
export const FRAME_BYTES_MAX = 67_108_864;

/** All of a message but the one key and the one value that it carries takes less than this. */
export const FRAME_HEAD_BYTES_MAX = 1024;
