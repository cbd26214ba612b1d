import { describe, expect, it } from 'vitest';
import { pieces } from './rich';

describe('a Telegram message', () => {
	const text = (html: string) => pieces(html).map((piece) => piece.text).join('');
	it('is drawn in pieces', () => {
		const [before, bold, after] = pieces('a <b>x &amp; y</b> &lt;z&gt;');
		expect([before?.text, bold?.text, after?.text]).toEqual(['a ', 'x & y', ' <z>']);
		expect([before?.bold, bold?.bold, after?.bold]).toEqual([false, true, false]);
	});
	it('keeps styles inside each other apart', () => {
		const found = pieces('<b>1<i>2</i></b>3');
		expect(found.map((piece) => [piece.bold, piece.italic])).toEqual([[true, false], [true, true], [false, false]]);
	});
	it('shows what Telegram does not know as text', () => expect(text('<script>alert(1)</script>')).toBe('<script>alert(1)</script>'));
	it('knows numbers of characters', () => expect(text('&#x27;&#39;&#x2f;&nope;')).toBe("''/&nope;"));
	it('has links', () => expect(pieces('<a href="https://x.example/?a=1&amp;b=2">x</a>')[0]?.href).toBe('https://x.example/?a=1&b=2'));
});
