// A cable between browser and server that can be cut: connections through it end, and no new ones get through.
//
// The server answers to `localhost` and its own port only, so it listens on another address of loopback, and the cable
// lies on 127.0.0.1 with the same port.
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** The address that the server listens on behind a cable. */
export const BEHIND = "127.0.0.2";

export class Cable {
  #open = new Set();
  #whole = true;
  #listener;

  /** Lies from 127.0.0.1 to the server, which listens on {@link BEHIND}. */
  static async to(server) {
    const cable = new Cable();
    cable.#listener = createServer((near) => {
      if (!cable.#whole) {
        near.resetAndDestroy();
        return;
      }
      const far = connect(server.port, BEHIND);
      for (const [socket, other] of [[near, far], [far, near]]) {
        cable.#open.add(socket);
        socket.on("error", () => other.destroy());
        socket.on("close", () => {
          cable.#open.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
    cable.#listener.listen(server.port, "127.0.0.1");
    await once(cable.#listener, "listening");
    return cable;
  }

  cut() {
    this.#whole = false;
    for (const socket of this.#open) socket.destroy();
  }

  mend() {
    this.#whole = true;
  }

  async remove() {
    this.cut();
    this.#listener.close();
    await once(this.#listener, "close");
  }
}
