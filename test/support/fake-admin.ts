/** An admin server without a node: the real routes over a ring that is data. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type NodeView, route } from '../../src/admin/routes';
import type { RingView } from '../../src/admin/ring-view';

export class FakeAdmin {
  private constructor(
    private readonly server: Server,
    private view: RingView,
  ) {}

  /** Also once it is closed: nobody answers there then. */
  port = 0;

  static async listen(view: RingView): Promise<FakeAdmin> {
    const server = createServer();
    const admin = new FakeAdmin(server, view);
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
      tree: async () => undefined,
      kill: async () => false,
    };
  }
}
