/** Searches for a method's numbers on validation images. */
export {
  type Objective,
  OBJECTIVES,
  search,
  type SearchOptions,
  type SearchResult,
} from "./search.ts";
export {
  type Dimension,
  type SearchSpace,
  searchSpace,
} from "./search_space.ts";
export { SearchSession, type ValidationOptions } from "./search_session.ts";
export {
  createStrategy,
  STRATEGIES,
  type Strategy,
  type StrategyName,
} from "./strategy.ts";
export { type Trial, TrialRecord } from "./trial_record.ts";
