import { expect, it } from 'vitest';
import { search, sections } from './search';

const all = sections('usage', 'Using it', '# Using it\n\nFirst words.\n\n## Restore a file\n\nChoose the *set*.\n\n| a | b |\n| - | - |\n| cell | two |\n\n## Labels\n\n* a set of labels\n');

it('finds sections by all words, headings first', () => {
	expect(all.map((section) => section.heading.id)).toEqual(['using-it', 'restore-a-file', 'labels']);
	expect(search(all, 'set').map((found) => found.heading.id)).toEqual(['restore-a-file', 'labels']);
	expect(search(all, 'LABELS set').map((found) => found.heading.id)).toEqual(['labels']);
	expect(search(all, 'labels')[0]?.excerpt).toBe('a set of labels');
	expect(search(all, 'cell two')).toHaveLength(1);
	expect(search(all, ' ')).toEqual([]);
});
