/** Outer radius of a reel's winding and of its hub, as parts of the reel's own radius. */
const FULL = 0.94;
const HUB = 0.4;

/** How far out the tape on a reel goes when this part of it (0 to 1) is on the reel: windings add area, not radius. */
export function windingRadius(part: number): number {
	const wound = Math.min(1, Math.max(0, part));
	return Math.sqrt(HUB ** 2 + wound * (FULL ** 2 - HUB ** 2));
}
