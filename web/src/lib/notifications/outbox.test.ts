import { describe, expect, it } from 'vitest';
import { canDiscard, canRetry, countOf, linkOf, messageState, textOf, VIEWS } from './outbox';

describe('a message of the outbox', () => {
	it('that failed and is tried again says so', () => {
		expect(messageState({ status: 'queued', attempts: 2, last_error: 'refused' }).word).toBe('Trying again');
		expect(messageState({ status: 'queued', attempts: 0, last_error: null }).word).toBe('Waiting');
		expect(messageState({ status: 'failed', attempts: 2, last_error: 'refused' }).tone).toBe('failed');
	});
	it('can be tried again until it is sent, and taken out while it waits', () => {
		expect(['held', 'queued', 'sending', 'sent', 'failed', 'discarded', 'merged'].map((status) => canRetry({ status: status as 'held' }))).toEqual([true, true, false, false, true, true, false]);
		expect(canDiscard({ status: 'failed' })).toBe(true);
		expect(canDiscard({ status: 'sent' })).toBe(false);
	});
	it('leads to what it is about', () => {
		expect(linkOf({ notice: { details: { execution_id: 17, job_id: 3 } } as never })).toBe('/runs/17');
		expect(linkOf({ notice: { details: { job_id: '3' } } as never })).toBeUndefined();
		expect(textOf({ notice: { message: 'no tape' } as never })).toBe('no tape');
		expect(textOf({ notice: {} as never })).toBe('');
	});
	it('is counted by view', () => {
		const counts = [{ status: 'sent' as const, count: 5 }, { status: 'held' as const, count: 2 }, { status: 'queued' as const, count: 1 }];
		expect(VIEWS.map(([, , states]) => countOf(counts, states))).toEqual([8, 3, 0, 5, 0]);
	});
});
