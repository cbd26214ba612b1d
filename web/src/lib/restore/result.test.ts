import { describe, expect, it } from 'vitest';
import { readResult } from './result';

const good = { files_requested: 2, files_restored: 1, bytes_restored: 5, folders_restored: 0, skipped: 0, error_count: 1, errors: ['a: gone'], verified: false, tapes: ['A00001L9'], dest_path: '/x' };

describe('the result of a restore', () => {
	it('is read', () => expect(readResult(good)).toEqual(good));
	it.each([null, undefined, '', [], { errors: [] }, { ...good, files_restored: 'many' }])('is none in %o', (value) =>
		expect(readResult(value)).toBeNull()
	);
});
