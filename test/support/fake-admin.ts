/** An admin server without a node: the real routes over a ring that is data. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { NodeView, ReplicaView } from '../../src/admin/node-view';
import { route } from '../../src/admin/routes';
import type { RingView } from '../../src/admin/ring-view';
import { ShownReplicas } from './shown-replicas';

export class FakeAdmin {
  private constructor(
    private readonly server: Server,
    private view: RingView,
    private readonly replicas: ReplicaView,
  ) {}

  /** Also once it is closed: nobody answers there then. */
  port = 0;

  static async listen(view: RingView, replicas: ReplicaView = new ShownReplicas(undefined)): Promise<FakeAdmin> {
    const server = createServer();
    const admin = new FakeAdmin(server, view, replicas);
    server.on('request', (request, response) => {
      const { method = '', url = '', headers } = request;
      const asked = { method, url, host: headers.host, origin: undefined, body: '' };
      void route(admin.node, asked).then(({ status, body }) => response.writeHead(status).end(JSON.stringify(body)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    admin.port = (server.address() as AddressInfo).port;
    return admin;
  }

  /** The ring is seen so from now on. */
  show(view: RingView): void {
    this.view = view;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private get node(): NodeView {
    return {
      allowChaos: false,
      isAlive: () => true,
      readyChecks: () => [],
      node: () => {
        throw new Error('Nobody asks for the node alone');
      },
      ring: this.view,
      replicas: this.replicas,
      tree: async () => undefined,
      kill: async () => false,
    };
  }
}
