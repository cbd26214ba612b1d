import { expect, it } from 'vitest';
import { clientName } from './client-name';

it('names clients as a person would', () => {
	const chrome = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36';
	expect(clientName(chrome)).toBe('Chrome on Linux');
	expect(clientName(`${chrome} Edg/131.0.0.0`)).toBe('Edge on Linux');
	expect(clientName('Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0')).toBe('Firefox on Android');
	expect(clientName('Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile/15E148 Safari/604.1')).toBe('Safari on iOS');
	expect(clientName('tapebackarr/0.1.0')).toBe('Command line');
	expect(clientName('curl/8.0')).toBe('curl/8.0');
	expect(clientName('')).toBe('Unknown program');
});
