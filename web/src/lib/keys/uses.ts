import type { Schemas } from '$lib/api/types';
import { bytes, counted } from '$lib/format/bytes';

export type KeyListed = Schemas['KeyListed'];

/** What needs a key, in a few words; nothing if nothing does. */
export function usesWords(uses: Schemas['KeyUse']): string | undefined {
	const parts = [
		uses.jobs > 0 ? counted(uses.jobs, 'job') : '',
		uses.sets > 0 ? `${counted(uses.sets, 'set')} (${bytes(uses.bytes)})` : '',
		uses.tapes > 0 ? counted(uses.tapes, 'tape') : '',
		uses.database_copies > 0 ? counted(uses.database_copies, 'copy of the database', 'copies of the database') : ''
	].filter(Boolean);
	return parts.length === 0 ? undefined : parts.join(', ');
}

/** The beginning of a fingerprint: enough to tell two keys apart. */
export function shortFingerprint(fingerprint: string): string {
	return fingerprint.slice(0, 16);
}

/** Why the server will not delete a key; nothing if it will. */
export function keptBecause(uses: Schemas['KeyUse']): string | undefined {
	const needed = [uses.sets > 0 ? counted(uses.sets, 'set') : '', uses.jobs > 0 ? counted(uses.jobs, 'job') : ''].filter(Boolean);
	if (needed.length > 0) return `Needed by ${needed.join(' and ')}: delete those first, or keep the key.`;
	const copies = (count: number) => counted(count, 'copy of the database', 'copies of the database');
	if (uses.database_copies > 0) return `Needed by ${copies(uses.database_copies)}: keep the key until the tapes with them are written anew.`;
	if (uses.database_copies_unknown > 0) {
		return `Perhaps needed by ${copies(uses.database_copies_unknown)}: rebuild the catalog from the tapes with them to learn which key they need.`;
	}
	return undefined;
}

/** The last day (UTC) on which a key is used that expires then; nothing if it never does. */
export function lastDay(expires: string | null | undefined): string | undefined {
	return expires ? new Date(new Date(expires).getTime() - 1).toISOString().slice(0, 10) : undefined;
}

/** Whether a key encrypts anything new, in a word; nothing if it does. */
export function spent(key: Schemas['EncryptionKey'], now: Date): string | undefined {
	if (key.retired_at) return 'replaced';
	return key.expires_at && new Date(key.expires_at) <= now ? 'expired' : undefined;
}
