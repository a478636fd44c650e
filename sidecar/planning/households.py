"""Compiles people and recurring meals: who eats what with whom, when, and how much of it."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from sidecar.planning import household_schemas
from sidecar.planning.exclusions import exclusions
from sidecar.planning.problem import Column, Habit, Needs, Person, Wish
from sidecar.planning.schemas import PlanRequest, Recipe


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a problem, the people, and the slots at which they are away."""

    columns: tuple[Column, ...]
    people: tuple[Person, ...]
    wishes: tuple[Wish, ...]
    closed: frozenset[int]
    warnings: tuple[str, ...]


def set_table(request: PlanRequest) -> Table:
    """Return the columns: for each meal and course, one for everybody who may eat the same.

    People share a column if they may eat the same dishes and come to the same meals.
    """
    horizon, courses = request.planning_horizon, request.constraints.courses
    people, wishes, warnings = _people(request)
    times = [
        tuple(person.times(horizon.start_date, horizon.days, horizon.meal_types))
        for person in request.people
    ]
    groups: dict[object, list[int]] = defaultdict(list)
    for number, person in enumerate(people):
        groups[frozenset(person.denied), times[number]].append(number)
    columns = tuple(
        Column(meal, course, tuple(group))
        for meal, meal_type in enumerate(horizon.meal_types)
        for course in courses.get(meal_type, (None,))
        for group in (groups.values() if people else ((),))
    )
    closed = frozenset(
        day * len(columns) + number
        for day in range(horizon.days)
        for number, column in enumerate(columns)
        if column.people
        and not times[column.people[0]][day * len(horizon.meal_types) + column.meal]
    )
    return Table(columns, tuple(people), tuple(wishes), closed, tuple(warnings))


def portions(
    request: PlanRequest, table: Table, needs: Callable[[Recipe, Fraction], Needs]
) -> tuple[tuple[tuple[Needs, ...], ...], tuple[int, ...]]:
    """Return the needs of each recipe for different diners, and the index of each slot's."""
    if not table.people:
        return (), ()
    index: dict[tuple[Fraction, Fraction], int] = {}
    portion_of = []
    for slot in range(request.planning_horizon.days * len(table.columns)):
        first = slot - slot % len(table.columns)
        column = table.columns[slot % len(table.columns)]
        at_table = [
            person
            for number, other in enumerate(table.columns)
            if (other.meal, other.course) == (column.meal, column.course)
            and first + number not in table.closed
            for person in other.people
        ]
        eating = () if slot in table.closed else column.people
        key = (_servings(table, eating), _servings(table, at_table))
        portion_of.append(index.setdefault(key, len(index)))
    tables = tuple(
        tuple(needs(recipe, portion_scale(recipe, eating, at_table)) for recipe in request.recipes)
        for eating, at_table in index
    )
    return tables, tuple(portion_of)


def portion_scale(recipe: Recipe, eating: Fraction, at_table: Fraction) -> Fraction:
    """Return the part of a recipe that some servings take.

    A recipe that doesn't say how many it serves is enough for everybody at the table.
    """
    if recipe.servings is not None:
        return eating / Fraction(repr(recipe.servings))
    return eating / at_table if at_table else Fraction(0)


def recurring(
    request: PlanRequest, columns: Sequence[Column]
) -> tuple[tuple[Habit, ...], Mapping[int, tuple[int, ...]]]:
    """Return the recurring meals, and the indices of those of each slot that has any."""
    horizon, constraints = request.planning_horizon, request.constraints
    names = {recipe.id: recipe.name for recipe in request.recipes}
    habits = []
    slots: dict[int, list[int]] = defaultdict(list)
    for number, meal in enumerate(constraints.recurring_meals):
        allowed = frozenset(
            dish
            for dish, recipe in enumerate(request.recipes)
            if recipe.id == meal.recipe_id or meal.tag in recipe.tags
        )
        tagged = f"a recipe tagged {meal.tag}"
        dish = tagged if meal.recipe_id is None else names[meal.recipe_id]
        when = meal.words() if meal.course is None else f"{meal.words()} as {meal.course}"
        habits.append(Habit(f"{dish} is planned {when}", f"allow other dishes {when}", allowed))
        for slot in range(horizon.days * len(columns)):
            column = columns[slot % len(columns)]
            meal_type = horizon.meal_types[column.meal]
            first_course = constraints.courses.get(meal_type, (None,))[0]
            day = horizon.start_date + timedelta(days=slot // len(columns))
            if column.course == (meal.course or first_course) and meal.includes(day, meal_type):
                slots[slot].append(number)
    return tuple(habits), {slot: tuple(numbers) for slot, numbers in slots.items()}


def times(
    request: PlanRequest, columns: Sequence[Column], entries: Sequence[household_schemas.MealTime]
) -> dict[int, tuple[int, ...]]:
    """Return the indices of the entries that include each slot, for slots with any."""
    horizon = request.planning_horizon
    found: dict[int, tuple[int, ...]] = {}
    for slot in range(horizon.days * len(columns)):
        day = horizon.start_date + timedelta(days=slot // len(columns))
        meal_type = horizon.meal_types[columns[slot % len(columns)].meal]
        numbers = tuple(n for n, entry in enumerate(entries) if entry.includes(day, meal_type))
        if numbers:
            found[slot] = numbers
    return found


def _servings(table: Table, people: Sequence[int]) -> Fraction:
    return sum((table.people[person].servings for person in people), Fraction(0))


def _people(request: PlanRequest) -> tuple[list[Person], list[Wish], list[str]]:
    """Return the people, their wishes, and what is unsure about these."""
    people: list[Person] = []
    wishes: list[Wish] = []
    warnings: list[str] = []
    for person in request.people:
        denied: dict[int, list[int]] = defaultdict(list)
        for wish, dishes in (*_tag_wishes(request, person), *_food_wishes(request, person)):
            for dish in dishes:
                denied[dish].append(len(wishes))
            wishes.append(wish)
        people.append(
            Person(
                id=person.id,
                name=person.label,
                servings=Fraction(repr(person.servings)),
                denied={dish: tuple(numbers) for dish, numbers in denied.items()},
            )
        )
        warnings += _unsure(request, person)
    return people, wishes, warnings


def _tag_wishes(
    request: PlanRequest, person: household_schemas.Person
) -> Iterator[tuple[Wish, list[int]]]:
    """Yield the wishes about tags with the recipes that they rule out."""
    name = person.label
    for tag in sorted(person.excluded_tags):
        wish = Wish(f"{name} eats nothing tagged {tag}", f"let {name} have what is tagged {tag}")
        yield wish, [n for n, recipe in enumerate(request.recipes) if tag in recipe.tags]
    for tag in sorted(person.required_tags):
        wish = Wish(f"{name} eats only what is {tag}", f"let {name} have what is not {tag}")
        yield wish, [n for n, recipe in enumerate(request.recipes) if tag not in recipe.tags]


def _food_wishes(
    request: PlanRequest, person: household_schemas.Person
) -> Iterator[tuple[Wish, list[int]]]:
    """Yield the wishes about ingredients with the recipes that they rule out."""
    name = person.label
    for verb, foods in (
        ("may not eat", person.excluded_ingredients),
        ("dislikes", person.dislikes),
    ):
        found = exclusions(foods, request.recipes)
        for number, food in enumerate(foods):
            dishes = [
                dish
                for dish, entry in enumerate(found)
                if any(barred.wish == number for barred in entry.barred)
            ]
            yield Wish(f"{name} {verb} {food}", f"let {name} have {food}"), dishes


def _unsure(request: PlanRequest, person: household_schemas.Person) -> Iterator[str]:
    """Yield what may contain what a person doesn't eat, and what no recipe contains."""
    foods = (*person.excluded_ingredients, *person.dislikes)
    found = exclusions(foods, request.recipes)
    reasons = dict.fromkeys(r for entry in found for r in (*entry.barred, *entry.omitted))
    for reason in reasons:
        if not reason.sure:
            yield (
                f"{reason.ingredient} may contain {foods[reason.wish]}; "
                f"{person.label} gets nothing with it"
            )
    matched = {reason.wish for reason in reasons}
    for number, food in enumerate(foods):
        if number not in matched:
            yield f"no recipe contains {food}, which {person.label} doesn't eat"
