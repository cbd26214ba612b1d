import type { Schemas } from '$lib/api/types';

export type Version = Schemas['Version'];

/** One content of a path, and every set that has it. */
export interface Content {
	/** The newest set that has it. */
	newest: Version;
	/** All that have it, newest first. */
	copies: Version[];
}

/** Versions of a path, newest first, put together where nothing changed from one to the next; what is gone left out. */
export function contents(versions: Version[]): Content[] {
	const found: Content[] = [];
	for (const version of versions) {
		if (version.kind === 'deleted') continue;
		const same = found.find(({ newest }) => isSame(newest, version));
		if (same) same.copies.push(version);
		else found.push({ newest: version, copies: [version] });
	}
	return found;
}

/** A tape with sets that have a content. */
export interface OnTape {
	tape: Version;
	/** How many of its sets have it. */
	sets: number;
	/** When one of them was last verified. */
	verified_at: string | null;
}

/** Sets that have a content, by the tapes they are on. */
export function byTape(copies: Version[]): OnTape[] {
	const found: OnTape[] = [];
	for (const copy of copies) {
		const same = found.find(({ tape }) => tape.tape_id === copy.tape_id);
		if (!same) found.push({ tape: copy, sets: 1, verified_at: copy.verified_at ?? null });
		else {
			same.sets += 1;
			if ((copy.verified_at ?? '') > (same.verified_at ?? '')) same.verified_at = copy.verified_at ?? null;
		}
	}
	return found;
}

function isSame(a: Version, b: Version): boolean {
	return a.kind === b.kind && a.size === b.size && a.checksum === b.checksum && a.mod_time === b.mod_time;
}

/**
 * The version that counts in the state that a chain of sets makes (newest set first): that of the newest of them that says
 * anything. None if the state does not have the path.
 */
export function inState(versions: Version[], chain: number[]): Version | undefined {
	for (const set of chain) {
		const version = versions.find((known) => known.backup_set_id === set);
		if (version) return version.kind === 'deleted' ? undefined : version;
	}
	return undefined;
}

/** Folder and name of a path. */
export function split(path: string): [string, string] {
	const at = path.lastIndexOf('/');
	return [path.slice(0, Math.max(0, at)), path.slice(at + 1)];
}
