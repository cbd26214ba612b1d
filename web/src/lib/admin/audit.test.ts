import { expect, it } from 'vitest';
import { detailWords, subjectHref } from './audit';

const line = { id: 1, username: 'anna', action: 'update', resource_type: 'tape', resource_id: 7, outcome: 'ok' as const, created_at: '', hash: '' };

it('leads to what a line is about', () => {
	expect(subjectHref(line)).toBe('/tapes/7');
	expect(subjectHref({ ...line, action: 'delete' })).toBeUndefined();
	expect(subjectHref({ ...line, resource_type: 'settings' })).toBeUndefined();
});

it('says details in words, whatever they are', () => {
	expect(detailWords('{"name":"Offsite","changed":["a"]}')).toBe('name: Offsite, changed: ["a"]');
	expect(detailWords('not json')).toBe('not json');
	expect(detailWords(null)).toBe('');
});
