import { describe, expect, it } from 'vitest';
import { flagWords, fraction, sittings, type HealthRow } from './wear';

const row = (id: number, more: Partial<HealthRow>): HealthRow => ({ id, tape_id: 1, drive_id: 1, drive_serial: 'D0', tape_alert_flags: '', created_at: '', updated_at: '', ...more });

describe('times that a tape lay in drives', () => {
	it('are told by what happened in each, oldest first', () => {
		const found = sittings([
			row(3, { bytes_written: 6e9, unrecovered_write_errors: 1, rewrites: 10 }),
			row(2, { bytes_written: 2e9, unrecovered_write_errors: 0, rewrites: 1 }),
			row(1, { bytes_written: 1e9, rewrites: 0 })
		]);
		expect(found.map((one) => one.written)).toEqual([1e9, 1e9, 4e9]);
		expect(found.map((one) => one.rewritesPerGb)).toEqual([0, 1, 2.5]);
		expect(found.map((one) => one.lost)).toEqual([null, null, 1]);
	});
	it('do not count what a drive that tells less left out twice', () => {
		const found = sittings([row(3, { bytes_written: 5e9 }), row(2, {}), row(1, { bytes_written: 3e9 })]);
		expect(found.map((one) => one.written)).toEqual([3e9, null, 2e9]);
		expect(found[1]?.rewritesPerGb).toBeNull();
	});
	it('do not take the first of many for the first of all', () => {
		const many = Array.from({ length: 200 }, (_, at) => row(200 - at, { bytes_written: (200 - at) * 1e9 }));
		expect(sittings(many)[0]?.written).toBeNull();
		expect(sittings(many)[1]?.written).toBe(1e9);
	});
	it('are put in words', () => {
		expect(flagWords('4,19')).toBe('TapeAlert 4, 19');
		expect([0, 0.004, 1.234, 27.5].map(fraction)).toEqual(['0', '< 0.01', '1.23', '28']);
	});
});
