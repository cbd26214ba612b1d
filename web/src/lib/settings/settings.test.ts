import { expect, it } from 'vitest';
import { groups, nameOf, variable, type Setting } from './groups';
import { problemOf, shown, typedOf, valueOf } from './value';

const setting = (key: string, more: Partial<Setting> = {}): Setting => ({
	key,
	words: 'What it is for.',
	kind: 'text',
	choices: [],
	expected: 'text',
	default: '',
	value: '',
	origin: 'default',
	changeable: true,
	pending: false,
	...more
});

it('groups settings by section, also those it does not know', () => {
	const all = [setting('data_dir'), setting('tape.block_size'), setting('tape.buffer_size_mb'), setting('new_thing.word')];
	expect(groups(all).map((group) => [group.title, group.settings.length])).toEqual([
		['Data folder', 1],
		['Tape and drives', 2],
		['New thing', 1]
	]);
	expect(groups(all, 'tape buffer').map((group) => group.settings.map((found) => found.key))).toEqual([['tape.buffer_size_mb']]);
	expect(nameOf('tape.buffer_size_mb')).toBe('Buffer size (MiB)');
	expect(variable('tape.buffer_size_mb')).toBe('TAPEBACKARR_TAPE__BUFFER_SIZE_MB');
});

it('turns what is typed into what the server takes, and back', () => {
	const port = setting('server.port', { kind: 'whole', least: 0, most: 65535, expected: 'a whole number from 0 to 65535', value: 8080 });
	expect([typedOf(port), valueOf(port, ' 9000'), valueOf(port, 'x')]).toEqual(['8080', 9000, 'x']);
	expect(problemOf(port, '70000')).toBe('Expected a whole number from 0 to 65535.');
	expect(problemOf(port, '1.5')).toContain('whole number');
	expect(problemOf(port, '0')).toBeUndefined();
	const block = setting('tape.block_size', { kind: 'choice', choices: [65536, 262144], value: 262144 });
	expect(valueOf(block, '65536')).toBe(65536);
	const list = setting('server.cors_origins', { kind: 'list', value: ['https://a', 'https://b'] });
	expect(typedOf(list)).toBe('https://a\nhttps://b');
	expect(valueOf(list, 'https://a\n\n https://c , ')).toEqual(['https://a', 'https://c']);
	expect(shown(list, [])).toBe('none');
	expect(shown(setting('auth.jwt_secret', { kind: 'secret' }), '********')).toBe('set');
});
