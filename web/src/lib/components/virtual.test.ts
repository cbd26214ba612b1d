import { expect, it } from 'vitest';
import { steadyHeight, visibleRange } from './virtual';

it('draws what can be seen, and a little around it', () => {
	expect(visibleRange(-300, 800, 40, 100_000)).toEqual({ from: 0, to: 32 });
	expect(visibleRange(40_000, 800, 40, 100_000)).toEqual({ from: 988, to: 1032 });
	expect(visibleRange(40 * 99_990, 800, 40, 100_000)).toEqual({ from: 99_978, to: 100_000 });
});

it('draws nothing of nothing', () => expect(visibleRange(0, 800, 40, 0)).toEqual({ from: 0, to: 0 }));

it('does not run past a list that has become short', () => {
	expect(visibleRange(40_000, 800, 40, 5)).toEqual({ from: 0, to: 5 });
});

it('a row is as high as it was, but for another kind of row', () => {
	expect(steadyHeight(40, 40.5)).toBe(40);
	expect(steadyHeight(40, 43)).toBe(40);
	expect(steadyHeight(40, 56)).toBe(56);
	expect(steadyHeight(56, 40)).toBe(40);
});
