import { describe, expect, it } from 'vitest';
import { loginHref, returnPath } from './return-path';

describe('after the login', () => {
	it('one is back where one was', () => {
		const href = loginHref(new URL('http://h:8080/tapes/7?sort=-used'));
		const to = new URL(href, 'http://h:8080').searchParams.get('to');
		expect(returnPath(to)).toBe('/tapes/7?sort=-used');
	});
	it.each(['https://evil.example/', '//evil.example/x', '/\\evil.example', 'javascript:alert(1)', '/login?to=/login', '', null])(
		'%s leads home',
		(to) => expect(returnPath(to)).toBe('/')
	);
});
