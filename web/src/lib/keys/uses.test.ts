import { expect, it } from 'vitest';
import type { Schemas } from '$lib/api/types';
import { keptBecause, lastDay, spent, usesWords } from './uses';

const none = { jobs: 0, sets: 0, bytes: 0, tapes: 0, database_copies: 0, database_copies_unknown: 0 };

it('says what needs a key', () => {
	expect(usesWords(none)).toBeUndefined();
	expect(usesWords({ ...none, jobs: 1, sets: 2, bytes: 3e9, tapes: 1 })).toBe('1 job, 2 sets (3.00 GB), 1 tape');
});

it('says why a key stays', () => {
	expect(keptBecause(none)).toBeUndefined();
	expect(keptBecause({ ...none, database_copies: 3 })).toBe('Needed by 3 copies of the database: keep the key until the tapes with them are written anew.');
	expect(keptBecause({ ...none, database_copies_unknown: 1 })).toContain('Perhaps needed by 1 copy of the database');
	expect(keptBecause({ ...none, jobs: 1, sets: 2 })).toBe('Needed by 2 sets and 1 job: delete those first, or keep the key.');
});

it('says until when a key is used', () => {
	expect(lastDay(null)).toBeUndefined();
	expect(lastDay('2028-01-01T00:00:00Z')).toBe('2027-12-31');
	expect(lastDay('2027-12-31T10:00:00Z')).toBe('2027-12-31');
	const key = { expires_at: '2028-01-01T00:00:00Z' } as Schemas['EncryptionKey'];
	expect(spent(key, new Date('2027-12-31T23:59:59Z'))).toBeUndefined();
	expect(spent(key, new Date('2028-01-01T00:00:00Z'))).toBe('expired');
	expect(spent({ ...key, retired_at: '2026-01-01T00:00:00Z' }, new Date('2027-01-01'))).toBe('replaced');
});
