import { expect, it } from 'vitest';
import { runQuery, since, TIMES } from './question';

const now = new Date('2026-11-21T12:00:00Z');
const nothing = { status: '', kind: '', job: '', drive: '', time: '' };

it('knows how far back each span of time goes', () => {
	expect(since('day', now)).toBe('2026-11-20T12:00:00.000Z');
	expect(since('week', now)).toBe('2026-11-14T12:00:00.000Z');
	expect(since('', now)).toBeUndefined();
	expect(since('ever', now), 'an address that somebody typed').toBeUndefined();
	for (const [word] of TIMES.slice(1)) expect(since(word, now), word).toBeDefined();
});

it('asks for what is chosen, and for nothing else', () => {
	expect(runQuery(nothing, now)).toEqual({});
	expect(runQuery({ status: 'failed', kind: 'backup', job: '7', drive: '2', time: 'day' }, now)).toEqual({
		status: 'failed',
		kind: 'backup',
		job_id: 7,
		drive_id: 2,
		since: '2026-11-20T12:00:00.000Z'
	});
	expect(runQuery({ ...nothing, job: 'seven', drive: '-1' }, now)).toEqual({});
});
