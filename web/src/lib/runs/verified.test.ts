import { describe, expect, it } from 'vitest';
import { notCompared, readVerified } from './verified';

const set = { backup_set_id: 7, members: 5, files: 4, bytes: 100, pieces: 2, pieces_not_compared: 1, without_checksum: 0, verified: true, error_count: 0, errors: [] };

describe('the result of a verification', () => {
	it('of sets', () => {
		const found = readVerified({ sets: [set], verified: true });
		expect(found).toEqual([{ backup_set_id: 7, files: 4, bytes: 100, pieces: 2, pieces_not_compared: 1, without_checksum: 0, error_count: 0, errors: [], tape: null }]);
		expect(notCompared(found)).toBe(1);
	});
	it('of tapes', () => expect(readVerified({ tapes: [{ label: 'A1', sets: [set] }, { label: 'A2', error: 'cannot be loaded' }] }).map((one) => one.tape)).toEqual(['A1']));
	it('is not that of anything else', () => {
		expect(readVerified(null)).toEqual([]);
		expect(readVerified({ sets: ['x', { backup_set_id: 'y' }], tapes: ['A00001L9'] })).toEqual([]);
	});
});
