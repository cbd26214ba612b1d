import { describe, expect, it } from 'vitest';
import type { Drive, Execution } from '$lib/api/types';
import { driveName, drivesAtWork, speedWords } from './drive-view';

const drive = (more: Partial<Drive> = {}) => ({ id: 1, device_path: '/dev/nst0', display_name: 'Left', enabled: true, status: 'ready', loaded: false, execution_id: null, ...more }) as Drive;
const run = (more: Partial<Execution> = {}) => ({ id: 7, title: 'Backup of job Mail', status: 'running', phase: 'streaming', warning_count: 0, write_speed: 5, ...more }) as Execution;
const at = (of: Drive, executions: Execution[] = []) => drivesAtWork([of], executions)[0];

describe('a drive at work', () => {
	it('streams only while data goes through it', () => {
		const working = drive({ execution_id: 7 });
		expect(at(working, [run()])).toMatchObject({ streaming: true, doing: 'Backup of job Mail', speed: 5 });
		expect(at(working, [run({ phase: 'loading' })])?.streaming).toBe(false);
		expect(at(working, [run({ status: 'paused' })])?.streaming).toBe(false);
		expect(at(working, [run({ id: 8 })]), 'the work of another drive').toMatchObject({ streaming: false, execution: null });
	});
	it('waits for a person when its work does', () => {
		const tape_change = { message: 'Insert tape A1.' } as Execution['tape_change'];
		const waiting = at(drive({ execution_id: 7 }), [run({ tape_change: tape_change ?? null })]);
		expect(waiting).toMatchObject({ doing: 'Insert tape A1.' });
		expect(waiting?.state.tone).toBe('waiting');
	});
	it('knows how far its tape is written, if it was told', () => {
		const written = (used: number, capacity: number) => at(drive({ execution_id: 7 }), [run({ progress: { tape_used_bytes: used, tape_capacity_bytes: capacity } as never })])?.position;
		expect(written(1, 4)).toBe(0.25);
		expect(written(5, 4), 'compressed, more fits').toBe(1);
		expect(written(1, 0)).toBe(0);
	});
	it('says what is in it when nothing goes on', () => {
		expect(at(drive())?.doing).toBe('no tape');
		expect(at(drive({ loaded: true }))?.doing).toBe('a tape without a label');
		expect(at(drive({ loaded: true, current_tape: 'A1' }))?.doing).toBe('A1');
		expect(at(drive({ error_message: 'does not answer', current_tape: 'A1' }))?.doing).toBe('does not answer');
	});
	it('is called by its path until it has a name', () => {
		expect(driveName(drive())).toBe('Left');
		expect(driveName(drive({ display_name: ' ' }))).toBe('/dev/nst0');
	});
});

it('tells a speed as a figure and a unit', () => {
	expect(speedWords(0)).toEqual(['0', 'MB/s']);
	expect(speedWords(182_000_000)).toEqual(['182', 'MB/s']);
	expect(speedWords(1500)).toEqual(['1.50', 'kB/s']);
});
