// Files by name: each state appears as a whole, at one moment.
//
// On disk a file is called after the hash of its name, so that no name can lead anywhere else. A new state is written
// beside the old one and then takes its place: a rename is one step, also for a reader and for a crash.

import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, rename, unlink, writeFile } from "node:fs/promises";
import path from "node:path";

// One state of one file; `modified` in whole seconds since 1970.
export type File = { body: Buffer; modified: number; tag: string };

export class Store {
  private count = 0;
  private last: Promise<unknown> = Promise.resolve();
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  async read(name: Buffer): Promise<File | undefined> {
    let file;
    try {
      file = await open(this.path(name), constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch {
      return undefined;
    }
    try {
      const body = await file.readFile(); // what is open stays as it is, whatever takes its name
      const tag = `"${createHash("sha256").update(body).digest("hex").slice(0, 32)}"`;
      return { body, modified: Math.floor((await file.stat()).mtimeMs / 1000), tag };
    } finally {
      await file.close();
    }
  }

  // Puts `body` in its place: 201, 204, or 412 when `allows` refuses to replace the old state.
  async write(name: Buffer, body: Buffer, allows: (old: File | undefined) => boolean): Promise<number> {
    this.count += 1;
    const fresh = path.join(this.folder, `new-${process.pid}-${this.count}`);
    await writeFile(fresh, body);
    return this.alone(async () => {
      const old = await this.read(name);
      if (!allows(old)) {
        await unlink(fresh);
        return 412;
      }
      await rename(fresh, this.path(name));
      return old === undefined ? 201 : 204;
    });
  }

  async remove(name: Buffer): Promise<boolean> {
    return this.alone(async () => {
      try {
        await unlink(this.path(name));
        return true;
      } catch {
        return false;
      }
    });
  }

  // Where others await something, this must not be in between.
  private alone<Value>(work: () => Promise<Value>): Promise<Value> {
    const done = this.last.then(work);
    this.last = done.catch(() => undefined);
    return done;
  }

  private path(name: Buffer): string {
    return path.join(this.folder, createHash("sha256").update(name).digest("hex"));
  }
}
