/** Draws what came of a ring that an operator has asked about. */
import type { Prospect, Question } from '../simulation/what-if';

/** What was asked, what happened, and the verdict. */
export function prospectLines(question: Question, prospect: Prospect): readonly string[] {
  const { nodes, joinsPerS, failuresPerS, loss, latencyMs, minutes, successors, seed } = question;
  const { joins, failures, nodesAtEnd, lookups, messagesPerNodePerS, verdict } = prospect;
  const { made, rightAtOnce, rightLater, wrong, notFound, hops, medianMs, p99Ms } = lookups;
  const share = (part: number) => `${part} (${made === 0 ? 0 : ((part / made) * 100).toFixed(2)} %)`;
  return [
    `A ring of ${nodes} nodes with successor lists of ${successors}, for ${minutes} min of virtual time (seed ${seed})`,
    `  Churn     ${joinsPerS} joins and ${failuresPerS} failures per second: ${joins} joined, ${failures} died, ${nodesAtEnd} nodes at the end`,
    `  Network   messages take ${latencyMs} ms on average, ${loss * 100} % are lost`,
    `  Traffic   ${messagesPerNodePerS} messages per node and second`,
    '',
    `  Lookups   ${made}, of ${hops} hops on average, in ${medianMs} ms (median) and ${p99Ms} ms (99th percentile)`,
    `            ${share(rightAtOnce)} found the owner at once`,
    `            ${share(rightLater)} after other attempts`,
    `            ${share(wrong)} still named somebody else after 5 s`,
    `            ${share(notFound)} found nobody in 5 s`,
    '',
    ...verdict.map((line) => `  ${line}`),
  ];
}
