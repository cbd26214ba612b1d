import { expect, it, vi } from 'vitest';
import type { Progress } from '$lib/api/types';

vi.hoisted(() => {
	vi.stubGlobal('addEventListener', () => {});
	vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => {} });
});
const { ThroughputHistory } = await import('./throughput.svelte');

const look = (seconds: number, bytes_written: number, more: Partial<Progress> = {}) =>
	({ execution_id: 1, updated_at: new Date(1_000_000 + seconds * 1000).toISOString(), bytes_written, bytes_processed: bytes_written, write_speed: 9, ...more }) as Progress;

it('knows the speed of this moment from two looks at the counters', () => {
	const history = new ThroughputHistory();
	expect(history.now(1)).toBeUndefined();
	history.look(look(0, 0));
	expect(history.now(1), 'what the server says, at first').toBe(9);
	history.look(look(2, 4000));
	expect(history.now(1)).toBe(2000);
	history.look(look(2.1, 9000));
	expect(history.now(1), 'too soon to tell').toBe(2000);
	history.look(look(4, 4000));
	expect(history.now(1), 'it stands still').toBe(0);
});

it('counts what is read where nothing is written', () => {
	const history = new ThroughputHistory();
	history.look(look(0, 0, { bytes_processed: 1000 }));
	history.look(look(1, 0, { bytes_processed: 4000 }));
	expect(history.now(1)).toBe(3000);
});

it('forgets the oldest of many runs', () => {
	const history = new ThroughputHistory();
	for (let run = 1; run <= 25; run += 1) history.look(look(run, 0, { execution_id: run }));
	expect(history.now(5)).toBeUndefined();
	expect(history.now(6)).toBe(9);
	history.clear();
	expect(history.now(25)).toBeUndefined();
});
