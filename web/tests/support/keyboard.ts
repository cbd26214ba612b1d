import type { Page } from 'playwright-core';

/** What has the focus, and what is wrong with that. */
interface Stop {
	name: string;
	problems: string[];
	/** The page begins again. */
	end: boolean;
	/** Which one it is. */
	key: number;
}

function look(): Stop {
	const at = document.activeElement;
	if (!at || at === document.body) return { name: 'the page', problems: [], end: true, key: 0 };
	const seen = ((window as unknown as { walked?: Element[] }).walked ??= []);
	if (!seen.includes(at)) seen.push(at);
	const key = seen.indexOf(at) + 1;
	const label = at.id ? document.querySelector(`label[for="${at.id}"]`)?.textContent : undefined;
	const words = (at.getAttribute('aria-label') ?? label ?? at.textContent ?? '').trim().replaceAll(/\s+/g, ' ').slice(0, 40);
	const name = `<${at.localName}> “${words}”`;
	const box = at.getBoundingClientRect();
	const problems: string[] = [];
	const style = getComputedStyle(at);
	if (box.width < 2 || box.height < 2) problems.push(`${name} cannot be seen: ${box.width} × ${box.height}`);
	// Of what is larger than the window, the beginning is enough.
	const [x, y] = [Math.min(box.left + Math.min(box.width, 60) / 2, innerWidth - 2), box.top + Math.min(box.height, 40) / 2];
	if (y < 0 || y > innerHeight || x < 0) problems.push(`${name} is outside the window, at ${Math.round(x)}, ${Math.round(y)}`);
	else {
		const there = document.elementFromPoint(x, y);
		const same = there && (at.contains(there) || there.contains(at) || there.closest('label')?.contains(at) || (at.id && there.closest(`label[for="${at.id}"]`)));
		if (!same) problems.push(`${name} is under <${there?.localName} class="${there?.className}">`);
	}
	// A field for a time and a document in the page have parts of their own, which show it themselves.
	const parts = at instanceof HTMLIFrameElement || (at instanceof HTMLInputElement && at.type.startsWith('date'));
	const ring = parts || style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
	const host = at.parentElement ? getComputedStyle(at.parentElement) : style;
	if (!ring && style.boxShadow === 'none' && host.outlineStyle === 'none' && host.boxShadow === 'none') problems.push(`${name} does not show that it has the focus`);
	return { name, problems, end: false, key };
}

/** So often at the same place: it does not go on. A field for date and time has seven parts. */
const TRAP = 8;

/** Goes through a page with the Tab key, from its beginning to its end or for `most` stops; says what is wrong on the way. */
export async function walk(page: Page, most = 120): Promise<{ stops: string[]; problems: string[] }> {
	const stops: string[] = [];
	const problems: string[] = [];
	const keys: number[] = [];
	await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
	for (let count = 0; count < most; count += 1) {
		await page.keyboard.press('Tab');
		const stop = await page.evaluate(look);
		if (stop.end) break;
		problems.push(...stop.problems);
		stops.push(stop.name);
		keys.push(stop.key);
		if (keys.length > TRAP && keys.slice(-TRAP).every((key) => key === stop.key)) problems.push(`${stop.name} does not let the focus go`);
	}
	return { stops, problems: [...new Set(problems)] };
}

/** The name of what has the focus: what a screen reader says first. */
export function focused(page: Page): Promise<string> {
	return page.evaluate(() => {
		const at = document.activeElement;
		if (!at || at === document.body) return 'nothing';
		const label = at.id ? document.querySelector(`label[for="${at.id}"]`)?.textContent : undefined;
		return (at.getAttribute('aria-label') ?? label ?? at.textContent ?? '').trim().replaceAll(/\s+/g, ' ');
	});
}
