import { expect, it } from 'vitest';
import { eventHref } from './event-links';

it('leads to the most special object that an event names', () => {
	const href = (details: Record<string, unknown> | null) => eventHref({ category: 'backup', details: details as never });
	expect(href({ job_id: 1, execution_id: 7 })).toBe('/runs/7');
	expect(href({ tape_id: 3, drive_id: 2 })).toBe('/tapes/3');
	expect(href({ drive_id: 2 })).toBe('/drives/2');
	expect(href({ source_id: 4 })).toBe('/sources/4');
	expect(href({ drive_id: '2' })).toBeUndefined();
	expect(href(null)).toBeUndefined();
});
