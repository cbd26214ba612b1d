import { describe, expect, it } from 'vitest';
import { asPaths, tick, tickOf, type Decisions } from './selection';

const none: Decisions = new Map();
const folder = (decisions: Decisions, path: string, on = true) => tick(decisions, path, 'directory', on);
const file = (decisions: Decisions, path: string, on = true) => tick(decisions, path, 'file', on);

describe('ticks of a tree', () => {
	it('of a folder are those of all that is in it', () => {
		const ticked = folder(none, 'a/b');
		for (const path of ['a/b', 'a/b/c', 'a/b/c/d']) expect(tickOf(ticked, path), path).toBe('on');
		for (const path of ['a/bb', 'a/x', 'b']) expect(tickOf(ticked, path), path).toBe('off');
		for (const path of ['a', '']) expect(tickOf(ticked, path), path).toBe('partly');
	});

	it('leave a part out, and take a part of that back', () => {
		let ticked = folder(none, '');
		ticked = folder(ticked, 'a', false);
		ticked = file(ticked, 'a/b/c');
		expect(tickOf(ticked, '')).toBe('partly');
		expect(tickOf(ticked, 'z')).toBe('on');
		expect(tickOf(ticked, 'a')).toBe('partly');
		expect(tickOf(ticked, 'a/x')).toBe('off');
		expect(tickOf(ticked, 'a/b/c')).toBe('on');
		expect(asPaths(ticked)).toEqual({ file_paths: ['a/b/c'], folder_paths: ['/'], exclude_paths: ['a'] });
	});

	it('forget what was below when a folder is ticked as a whole', () => {
		let ticked = file(folder(none, 'a'), 'a/b', false);
		expect(tickOf(ticked, 'a')).toBe('partly');
		ticked = folder(ticked, 'a');
		expect([...ticked.keys()]).toEqual(['a']);
		ticked = folder(ticked, 'a', false);
		expect(ticked.size).toBe(0);
	});

	it('say nothing twice', () => {
		const ticked = file(folder(none, 'a'), 'a/b');
		expect([...ticked.keys()]).toEqual(['a']);
		expect(file(none, 'x', false).size).toBe(0);
	});
});
