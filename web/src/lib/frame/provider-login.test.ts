import { describe, expect, it } from 'vitest';
import { refusal, startHref } from './provider-login';

describe('a login at the provider', () => {
	it('says why it came to nothing', () => {
		expect(refusal('name_taken')?.message).toContain('has your name');
		expect(refusal(null)).toBeUndefined();
	});
	it.each(['<b>Call 555</b>', 'constructor', '__proto__', 'toString'])('repeats nothing that somebody else wrote: %s', (code) => {
		expect(refusal(code)).toMatchObject({ code: 'unknown', message: 'That login came to nothing. Begin again.' });
	});
	it('comes back to the page', () => {
		expect(startHref('https://t.example/start', '/tapes?q=A&x=1')).toBe('https://t.example/start?to=%2Ftapes%3Fq%3DA%26x%3D1');
		expect(startHref('https://t.example/start', '/')).toBe('https://t.example/start');
	});
});
