/** Plays. */
export const PLAYS: Readonly<
  Record<
    string,
    | undefined
    | ((stage: {
        program: string;
        flags: readonly string[];
        dir: string;
        tell: (line: string) => void;
      }) => Promise<readonly string[]>)
  >
> = {};
