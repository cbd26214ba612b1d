import { describe, expect, it } from 'vitest';
import { EventParser } from './stream';

const text = 'retry: 3000\n: connected\n\nid: 7\nevent: message\ndata: {"a":1}\n\nevent: drive\ndata: one\ndata: two\n\n';
const expected = [
	{ event: 'message', data: '{"a":1}', id: '7' },
	{ event: 'drive', data: 'one\ntwo', id: null }
];

describe('events', () => {
	it('are found in a whole text', () => expect(new EventParser().push(text)).toEqual(expected));
	it('are found however the text is cut', () => {
		for (let size = 1; size < text.length; size += 1) {
			const parser = new EventParser();
			const found = [];
			for (let at = 0; at < text.length; at += size) found.push(...parser.push(text.slice(at, at + size)));
			expect(found, `pieces of ${size}`).toEqual(expected);
		}
	});
	it('know nothing of an event that is not whole', () => {
		expect(new EventParser().push('event: drive\ndata: half')).toEqual([]);
	});
});
