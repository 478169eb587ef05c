import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { readError } from '../engine/checkpoint/file-errors.ts';
import { Refusal } from './refusal.ts';

export type GrantKind = 'file' | 'folder';

/** A file or folder that the window may speak of, by its id. */
export interface Granted {
  readonly id: string;
  readonly name: string;
  /** To be shown; a request never names it. */
  readonly path: string;
}

interface Grant extends Granted {
  readonly kind: GrantKind;
}

/**
 * The files and folders that the person picked or that the studio brought, for as long as the studio runs. Ids are
 * drawn at random: one that was not given out is not found by trying.
 */
export class FileGrants {
  private readonly byId = new Map<string, Grant>();
  private readonly byPath = new Map<string, Grant>();

  /** The same path keeps its id. */
  grant(path: string, kind: GrantKind, name = basename(path)): Granted {
    const full = resolve(path);
    const known = this.byPath.get(full);
    if (known?.kind === kind) return shown(known);
    const grant = { id: randomUUID(), name, path: full, kind };
    this.byId.set(grant.id, grant);
    this.byPath.set(full, grant);
    return shown(grant);
  }

  /**
   * Grants a path as what it is on disk.
   * @throws EngineError file-missing, file-unreadable.
   */
  async grantFound(path: string): Promise<Granted> {
    const found = await stat(path).catch((error: unknown) => {
      throw readError(error, path);
    });
    return this.grant(path, found.isDirectory() ? 'folder' : 'file');
  }

  /** @throws Refusal file-not-granted where the id was not given out; file-kind where it is the other kind's. */
  pathOf(id: string, kind: GrantKind): string {
    return this.find(id, kind).path;
  }

  /** @throws Refusal file-not-granted, file-kind. */
  find(id: string, kind: GrantKind): Granted {
    const grant = this.byId.get(id);
    if (grant?.kind === kind) return shown(grant);
    const hint = kind === 'folder' ? 'Choose the folder of a model.' : 'Choose a file.';
    if (grant !== undefined) throw new Refusal('file-kind', `${grant.path} is not a ${kind}.`, hint);
    throw new Refusal('file-not-granted', `No ${kind} with this id was picked.`, hint);
  }
}

function shown({ id, name, path }: Grant): Granted {
  return { id, name, path };
}
