/** The supervisors of a node: who is started again with whom, and what cannot climb the tree. */
import { closeAll, CONNECTION_SUP, flatten, isWhole, TestNode, until } from '../support/node';

const SERVICES = 'node-sup/services-sup';

afterEach(closeAll);

/** The pids of the fixed processes by path. */
async function pids(node: TestNode): Promise<Readonly<Record<string, string>>> {
  const tree = await node.tree();
  if (tree === undefined || !isWhole(tree)) return {};
  return Object.fromEntries(flatten(tree).map(({ path, pid }) => [path, pid ?? '']));
}

describe('the tree of a node', () => {
  it.each([
    ['node-sup/table-heir', ['node-sup/table-heir']],
    [`${SERVICES}/kv-store`, [`${SERVICES}/kv-store`]],
    [`${SERVICES}/listener-sup/acceptor`, [`${SERVICES}/listener-sup/acceptor`]],
    [CONNECTION_SUP, [CONNECTION_SUP, `${SERVICES}/listener-sup/acceptor`]],
    [`${SERVICES}/listener-sup`, [`${SERVICES}/listener-sup`, CONNECTION_SUP, `${SERVICES}/listener-sup/acceptor`]],
    [`${SERVICES}/admin-sup`, [`${SERVICES}/admin-sup`, `${SERVICES}/admin-sup/admin-http`]],
    [`${SERVICES}/admin-sup/admin-http`, [`${SERVICES}/admin-sup/admin-http`]],
  ])('replaces no more than it must when %s is killed', async (victim, replaced) => {
    const node = await TestNode.start();
    const before = await pids(node);
    await node.killAt(victim);
    let after: Readonly<Record<string, string>> = {};
    await until('the tree is whole again', async () => {
      after = await pids(node);
      return Object.keys(after).length === Object.keys(before).length && after[victim] !== before[victim];
    });
    expect(Object.keys(before).filter((path) => after[path] !== before[path])).toEqual(replaced);
  });

  it('keeps the heir, and replaces all else, when its root is killed', async () => {
    const node = await TestNode.start();
    const before = await pids(node);
    await node.killAt('node-sup');
    let after: Readonly<Record<string, string>> = {};
    await until('the tree is whole again', async () => {
      after = await pids(node);
      return Object.keys(after).length === Object.keys(before).length;
    });
    expect(Object.keys(before).filter((path) => after[path] === before[path])).toEqual(['node-sup/table-heir']);
  });

  it('does not mind how many connections are killed', async () => {
    const node = await TestNode.start();
    const before = await pids(node);
    for (let round = 0; round < 3; round += 1) {
      const clients = await Promise.all(Array.from({ length: 30 }, () => node.connect()));
      await until('they are let in', async () => (await node.connections()).length === clients.length);
      for (const { path } of await node.connections()) await node.killAt(path);
      await Promise.all(clients.map((client) => client.end()));
    }
    expect(await pids(node)).toEqual(before);
  });

  it('gives up on a store that cannot live, and then the node has ended', async () => {
    const node = await TestNode.start();
    await until('the node has ended', async () => {
      await node.killAt(`${SERVICES}/kv-store`).catch(() => {});
      return node.ended !== undefined;
    });
    expect(node.ended).toEqual({ reason: 'shutdown' });
  });
});
