/**
 * How dependencies point, as rules that fail the build.
 *
 *   supervisors -> actors -> cores (chord, replication, protocol, store) -> plain types
 *        \____________\____-> otp -> nact
 */
const cores = '^src/(chord|replication|protocol|store)/';

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'only-otp-imports-nact',
      comment: 'nact is the scheduler below the runtime; everything else speaks to src/otp.',
      severity: 'error',
      from: { pathNot: '^(src/otp|bench)/' },
      to: { path: 'node_modules/nact' },
    },
    {
      name: 'otp-stands-alone',
      comment: 'The runtime is useful to someone who never heard of Chord: it imports nact, Node and two plain types.',
      severity: 'error',
      from: { path: '^src/otp/' },
      to: {
        pathNot: ['^src/otp/', '^src/(result|unreachable)\\.ts$', 'node_modules/nact'],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'cores-are-pure',
      comment:
        'Cores decide; they touch no socket, timer, actor or clock. SHA-1 in src/chord/id.ts is the one exception.',
      severity: 'error',
      from: { path: cores, pathNot: '^src/chord/id\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'cores-know-only-cores',
      severity: 'error',
      from: { path: cores },
      to: { path: '^(src|actors|supervisors)/', pathNot: [cores, '^src/(octets|result|unreachable)\\.ts$'] },
    },
    {
      name: 'chord-knows-no-replication',
      severity: 'error',
      from: { path: '^src/chord/' },
      to: { path: '^src/(replication|store)/' },
    },
    {
      name: 'simulation-knows-only-cores',
      comment: "A simulated node is made of the pure cores; its time, network and chance are the simulator's own.",
      severity: 'error',
      from: { path: '^src/simulation/' },
      to: {
        path: '^(src|actors|supervisors)/',
        pathNot: ['^src/simulation/', cores, '^src/(octets|result|unreachable)\\.ts$'],
      },
    },
    {
      name: 'simulation-is-pure',
      comment: 'The same seed is the same run: no clock, no socket, no randomness of Node.',
      severity: 'error',
      from: { path: '^src/simulation/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'actors-do-not-import-supervisors',
      severity: 'error',
      from: { path: '^actors/' },
      to: { path: '^supervisors/' },
    },
    {
      name: 'only-assembly-imports-actors',
      comment: 'src/node.ts and src/index.ts put the tree together; the program reaches it through them.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(index|node)\\.ts$|^src/cli/' },
      to: { path: '^(actors|supervisors)/' },
    },
    {
      name: 'nothing-imports-the-edges',
      severity: 'error',
      from: { pathNot: '^(test|demos|bench|chaos)/' },
      to: { path: '^(test|demos|bench|chaos)/' },
    },
    {
      name: 'no-dev-dependency-at-run-time',
      severity: 'error',
      from: { path: '^(src|actors|supervisors)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    exclude: { path: '^dist/' },
  },
};
