import { expect, it } from 'vitest';
import { patternsOf, patternWords } from './words';

it('reads one pattern per line', () => {
	expect(patternsOf(' *.tmp \n\n!keep.tmp\r\ncache/ \n')).toEqual(['*.tmp', '!keep.tmp', 'cache/']);
	expect(patternsOf('  \n')).toEqual([]);
});

it('says what the patterns do', () => {
	expect(patternWords([], [])).toBe('everything');
	expect(patternWords(['*.doc'], ['old/', '*.tmp'])).toBe('only *.doc; without old/, *.tmp');
});
