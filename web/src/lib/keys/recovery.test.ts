import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { codeBehind, recoveryOf } from './recovery';

it('takes the code behind its mark', () => {
	const text = 'a\n<!-- run: one -->\n```sh\nfirst\n```\n<!-- run: two -->\n\n```\nsecond\nline\n```\n';
	expect(codeBehind(text, 'run: one')).toBe('first');
	expect(codeBehind(text, 'run: two')).toBe('second\nline');
	expect(codeBehind(text, 'run: three')).toBeUndefined();
});

it('finds all commands of a key sheet in the documentation as it is', () => {
	const recovery = recoveryOf(readFileSync('../docs/manual-recovery.md', 'utf8'));
	expect(recovery?.label).toContain('mt -f /dev/nst0 rewind');
	expect(recovery?.open).toContain('recover.py open key.txt');
	expect(recovery?.program).toContain('AESGCM');
	expect(recovery?.program.endsWith('main(*sys.argv[1:])')).toBe(true);
});
