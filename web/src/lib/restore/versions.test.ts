import { describe, expect, it } from 'vitest';
import { byTape, contents, inState, split, type Version } from './versions';

const version = (backup_set_id: number, more: Partial<Version> = {}) =>
	({ backup_set_id, kind: 'file', size: 1, checksum: 'a', mod_time: '2026-11-21T12:00:00Z', ...more }) as Version;

describe('versions', () => {
	const versions = [
		version(5, { kind: 'deleted', checksum: null }),
		version(4, { checksum: 'b' }),
		version(3),
		version(2, { copy_of: 'uuid' }),
		version(1)
	];

	it('of the same content are one, with its copies', () => {
		const found = contents(versions);
		expect(found.map(({ newest }) => newest.backup_set_id)).toEqual([4, 3]);
		expect(found[1]?.copies.map((copy) => copy.backup_set_id)).toEqual([3, 2, 1]);
	});

	it('count by the newest set of the chain that says something', () => {
		expect(inState(versions, [5, 4, 3])).toBeUndefined();
		expect(inState(versions, [4, 3])?.backup_set_id).toBe(4);
		expect(inState(versions, [9, 3])?.backup_set_id).toBe(3);
		expect(inState(versions, [9])).toBeUndefined();
	});

	it('are on tapes, each named once, with the newest verification', () => {
		const on = (tape_id: number, verified_at: string | null) => version(tape_id, { tape_id, verified_at });
		const found = byTape([on(1, null), on(2, null), on(1, '2026-11-20T00:00:00Z'), on(1, '2026-11-19T00:00:00Z')]);
		expect(found.map(({ tape, sets, verified_at }) => [tape.tape_id, sets, verified_at])).toEqual([
			[1, 3, '2026-11-20T00:00:00Z'],
			[2, 1, null]
		]);
	});

	it('are in a folder', () => {
		expect(split('a/b/c')).toEqual(['a/b', 'c']);
		expect(split('c')).toEqual(['', 'c']);
	});
});
