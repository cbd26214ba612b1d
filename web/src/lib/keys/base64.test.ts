import { expect, it } from 'vitest';
import { keyProblem } from './base64';

it('takes 32 bytes and nothing else', () => {
	expect(keyProblem(` ${'A'.repeat(43)}= `)).toBeUndefined();
	expect(keyProblem('AQID')).toBe('A key has 32 bytes; these are 3.');
	expect(keyProblem('not a key!')).toContain('not base64');
	expect(keyProblem('A'.repeat(43))).toContain('not base64');
});
