"""The words the scene painter knows: things it can draw, places, times, weather and colours.

Data only. A thing is one character of the Noto Emoji font, so that the list can grow without drawing code.
"""

from __future__ import annotations

from typing import Literal

from darkroom_worker.local_bedrock.engine.raster import Rgb

Setting = Literal[
    "sea",
    "beach",
    "lake",
    "mountains",
    "forest",
    "desert",
    "city",
    "space",
    "meadow",
    "table",
    "studio",
    "abstract",
    "underwater",
    "sky",
    "dream",
]
Time = Literal["day", "sunset", "dawn", "night", "golden", "storm", "neon"]
Season = Literal["spring", "summer", "autumn", "winter"]
Stand = Literal["ground", "water", "sky", "table", "space", "under"]

# words | code point | usual colour | where it stands
_THINGS = """
sailboat,sailing boat,sail boat,yacht,dinghy,regatta|26F5|d9d4c7|water
boat,rowboat,canoe,kayak,gondola|1F6F6|a8744a|water
ship,cruise ship,ferry,steamer|1F6A2|3f5f80|water
speedboat,motorboat|1F6A4|e0e4e8|water
duck,mallard,duckling|1F986|d8b24a|water
swan|1F9A2|eceff2|water
whale|1F433|4d86b5|water
goose|1FABF|dcdcd6|water
cactus,cacti,saguaro|1F335|4f9a4a|ground
palm tree,palm,coconut tree|1F334|4e9a58|ground
tree,oak,maple,birch,deciduous tree|1F333|5c9a3f|ground
pine,fir,spruce,evergreen,conifer|1F332|3f7a4a|ground
christmas tree|1F384|2f7d45|ground
tulip|1F337|e0608a|ground
rose|1F339|c8324a|ground
sunflower|1F33B|f0b52e|ground
flower,blossom,daisy,wild flower|1F33C|f3c64b|ground
bouquet,flowers in a vase|1F490|d96f9d|table
cherry blossom,sakura|1F338|f2a9c0|ground
hibiscus|1F33A|d9486a|ground
potted plant,houseplant,plant,pot plant|1FAB4|5a9a52|table
mushroom,toadstool|1F344|c84a3a|ground
fox|1F98A|d9752f|ground
cat,kitten,tabby|1F408|b98a5c|ground
black cat|1F408|2c2a2e|ground
dog,puppy,corgi,labrador|1F415|c79a62|ground
poodle|1F429|e5ddd3|ground
horse,pony,stallion,mare|1F40E|8c5a38|ground
unicorn|1F984|f0e4f2|ground
cow,bull,ox|1F404|d8cfc4|ground
pig,piglet|1F416|eba6a8|ground
sheep,ram|1F411|ece6da|ground
goat|1F410|cfc4b2|ground
camel|1F42A|c99a5b|ground
elephant|1F418|8d8f96|ground
giraffe|1F992|dca54a|ground
zebra|1F993|e4e2df|ground
lion|1F981|d99c3c|ground
tiger|1F405|e08a32|ground
leopard,cheetah,jaguar|1F406|d9a44c|ground
bear,grizzly|1F43B|8a5c3a|ground
polar bear|1F43B|eef0ee|ground
panda|1F43C|ececea|ground
koala|1F428|9a9ba1|ground
rabbit,bunny,hare|1F407|cbb8a2|ground
hedgehog|1F994|9b7757|ground
squirrel,chipmunk|1F43F|b5723f|ground
mouse,rat|1F401|a5a2a2|ground
kangaroo|1F998|b98252|ground
gorilla|1F98D|55555c|ground
monkey|1F412|94663f|ground
wolf|1F43A|8b909a|ground
deer,stag,reindeer|1F98C|a8713f|ground
hippo,hippopotamus|1F99B|9388a0|ground
rhino,rhinoceros|1F98F|93989c|ground
crocodile,alligator|1F40A|6a8f4a|ground
turtle,tortoise|1F422|6d9b52|ground
snake|1F40D|6f9c46|ground
lizard,gecko|1F98E|7aa546|ground
frog|1F438|6fae4a|ground
dragon|1F409|4f9a63|ground
dinosaur,sauropod,brontosaurus|1F995|6fa06a|ground
t rex,tyrannosaurus,trex|1F996|6d9a58|ground
chicken,hen|1F414|e4ded4|ground
rooster|1F413|c8603a|ground
penguin|1F427|3c4452|ground
flamingo|1F9A9|f08a9c|ground
peacock|1F99A|2f86a0|ground
turkey|1F983|8a5a3c|ground
chick|1F425|f2ce4c|ground
snail|1F40C|b58a62|ground
snowman|26C4|eef3f7|ground
bird,sparrow,robin,bluebird|1F426|4f8fc0|sky
owl|1F989|9a754f|sky
eagle,hawk,falcon|1F985|7a5c40|sky
dove,pigeon,seagull,gull|1F54A|f2f4f6|sky
parrot,macaw|1F99C|d9483a|sky
bat|1F987|4a4452|sky
butterfly|1F98B|e08a3a|sky
bee,bumblebee|1F41D|eab932|sky
ladybug,ladybird|1F41E|d23c34|ground
kite|1FA81|d9503f|sky
airplane,plane,aeroplane,jet,aircraft|2708|dfe4ea|sky
helicopter|1F681|c9503f|sky
hot air balloon|1F388|d9503f|sky
balloon|1F388|dc4545|sky
parachute|1FA82|e08a3a|sky
ufo,flying saucer|1F6F8|aeb9c4|sky
rocket,spaceship,space shuttle|1F680|e3e6ea|sky
satellite|1F6F0|c2c9d1|space
astronaut|1F9D1 200D 1F680|eef0f2|ground
robot,android|1F916|a9b6c2|ground
ghost|1F47B|f0f0f5|ground
alien|1F47D|8fc07a|ground
person,man,woman,hiker,traveler,traveller,figure|1F9CD|3f4a5a|ground
runner,jogger|1F3C3|3f4a5a|ground
surfer|1F3C4|3f4a5a|water
dancer,ballerina|1F483|c8324a|ground
child,kid,boy,girl|1F9D2|e0a77d|ground
car,automobile,sedan,taxi,hatchback|1F697|c83c3c|ground
suv,jeep,pickup|1F699|3f78b0|ground
bus|1F68C|e0b23c|ground
truck,lorry|1F69A|d8dde2|ground
fire truck,fire engine|1F692|c8342e|ground
tractor|1F69C|4a9048|ground
race car,racing car,sports car|1F3CE|cf3a30|ground
motorcycle,motorbike|1F3CD|b03a32|ground
scooter|1F6F5|4fae9c|ground
bicycle,bike|1F6B2|3f8a8f|ground
train,locomotive,steam train|1F682|3f4a58|ground
tram,trolley|1F68B|c8a43a|ground
house,cottage,home,cabin,hut|1F3E1|dfc6a2|ground
barn|1F3DA|b04a3a|ground
church,chapel|26EA|e5dccb|ground
castle,fortress|1F3F0|c9bfae|ground
japanese castle,pagoda|1F3EF|dfe2e4|ground
lighthouse,tower|1F5FC|d9583f|ground
statue of liberty|1F5FD|7fae9c|ground
tent|26FA|e0873a|ground
ferris wheel|1F3A1|c8607a|ground
fountain|26F2|bcc8d0|ground
windmill|1F3E1|e4ddd0|ground
moai,statue|1F5FF|9a9c98|ground
campfire,bonfire,fire|1F525|f08a2c|ground
volcano|1F30B|6a5248|ground
mug,cup,coffee,tea,coffee cup,teacup,espresso,latte,cappuccino|2615|e8e4dc|table
teapot,kettle|1FAD6|7fa3b8|table
wine,wine glass,goblet|1F377|8a2f45|table
beer,pint|1F37A|e2a83a|table
cocktail,martini|1F378|d96f7a|table
milk,glass of milk|1F95B|f2f2ee|table
juice,bubble tea,smoothie|1F9CB|c99a6a|table
champagne,champagne bottle,wine bottle|1F37E|4a7a55|table
bottle,perfume,perfume bottle,lotion,shampoo|1F9F4|e0b78c|table
jar|1FAD9|e0b78c|table
amphora,vase,pot,urn|1F3FA|c47a4a|table
apple|1F34E|cc3b36|table
pear|1F350|b8c24a|table
orange fruit,tangerine,clementine|1F34A|f0902e|table
lemon,lime|1F34B|f0d23c|table
banana|1F34C|f2d24a|table
watermelon,melon|1F349|d9535c|table
grapes,grape|1F347|7d54a0|table
strawberry,raspberry|1F353|d93a42|table
cherry,cherries|1F352|c82a3c|table
peach,apricot|1F351|f4a678|table
pineapple|1F34D|e0ac3c|table
avocado|1F951|7d9c3f|table
tomato|1F345|d8432f|table
carrot|1F955|ee8a30|table
corn|1F33D|f0cf48|table
pepper,chili|1F336|cf362c|table
pumpkin,jack o lantern|1F383|e6822a|ground
bread,loaf|1F35E|cf9a56|table
croissant|1F950|d9a04f|table
pizza|1F355|e4a64a|table
burger,hamburger|1F354|d29a52|table
cake,cheesecake|1F370|f3d9cf|table
birthday cake|1F382|f0bccb|table
cupcake,muffin|1F9C1|f0a8c0|table
donut,doughnut|1F369|d98aa5|table
cookie,biscuit|1F36A|c98f52|table
chocolate|1F36B|7a4a30|table
ice cream,gelato|1F368|f2dcc4|table
sushi|1F363|ee9a7a|table
ramen,noodles,soup|1F35C|d9b078|table
salad,bowl|1F957|86b25a|table
cheese|1F9C0|f2c84a|table
egg|1F95A|efe2d0|table
honey|1F36F|e5a52e|table
book,novel,notebook|1F4D5|b04a4a|table
books,stack of books|1F4DA|b8683f|table
laptop,computer,notebook computer|1F4BB|c3c9d0|table
phone,smartphone,mobile|1F4F1|3a404a|table
camera|1F4F7|4a4f58|table
headphones,headphone|1F3A7|4a4f5c|table
watch,wristwatch|231A|8a8f98|table
clock,alarm clock|23F0|c95248|table
lamp,lantern|1F3EE|d9483a|table
candle|1F56F|f0e2c0|table
light bulb,bulb|1F4A1|f2d77a|table
key|1F511|d9b04a|table
gift,present,parcel,box,package|1F381|c9485a|table
teddy bear,teddy,toy|1F9F8|b98452|table
chair,seat,armchair|1FA91|a87246|ground
sofa,couch|1F6CB|8a6f8f|ground
bed|1F6CF|c9b6a2|ground
guitar|1F3B8|c9603a|table
violin,cello|1F3BB|a85c32|table
piano|1F3B9|3c3a40|ground
trumpet,saxophone|1F3B7|dcae48|table
drum|1F941|c8524a|table
ball,soccer ball,football|26BD|eeeeee|ground
basketball|1F3C0|d9772f|ground
umbrella|2602|c8384a|ground
backpack,rucksack|1F392|c9583f|table
handbag,purse,bag|1F45C|a8603f|table
suitcase,luggage|1F9F3|8a6a4a|ground
hat,top hat|1F3A9|3a3840|table
sun hat|1F452|e0c48a|table
cap,baseball cap|1F9E2|4a78b5|table
glasses,eyeglasses|1F453|4a4a52|table
sunglasses|1F576|2c2c34|table
shoe,sneaker,sneakers,trainer|1F45F|e2e6ea|table
boot,boots,hiking boot|1F97E|9a6a40|table
heel,high heel,heels|1F460|c8324a|table
shirt,t shirt,tshirt,jersey,blouse|1F455|5a8ac0|table
dress,gown|1F457|c8486f|table
coat,jacket|1F9E5|b08a5f|table
jeans,pants,trousers|1F456|4a6a9a|table
scarf|1F9E3|c8483f|table
crown|1F451|e6b83a|table
diamond,gem,jewel|1F48E|7fc4e0|table
ring|1F48D|d9c27a|table
trophy|1F3C6|e2b23c|table
telescope|1F52D|5a6a80|ground
microscope|1F52C|8a929c|table
globe,earth|1F30D|4a8ac0|table
fish,salmon,trout|1F41F|8fb0c0|under
tropical fish,clownfish,goldfish|1F420|f0973a|under
shark|1F988|7a8c9c|under
dolphin|1F42C|6d9cc0|under
octopus,squid|1F419|d0607a|under
crab,lobster|1F980|d9523a|ground
jellyfish|1FABC|c39ae0|under
seal,walrus|1F9AD|8a8e98|ground
shell,seashell|1F41A|e6cdb2|ground
coral|1FAB8|f0866f|under
submarine|1F6E5|d9b23a|under
"""


def _rgb(text: str) -> Rgb:
    red, green, blue = bytes.fromhex(text)
    return red / 255, green / 255, blue / 255


def _stand(text: str) -> Stand:
    places: dict[str, Stand] = {place: place for place in ("ground", "water", "sky", "table", "space", "under")}
    return places[text]


def _read_things() -> dict[str, tuple[str, Rgb, Stand]]:
    table: dict[str, tuple[str, Rgb, Stand]] = {}
    for line in _THINGS.strip().splitlines():
        words, code, colour, stand = line.split("|")
        glyph = "".join(chr(int(part, 16)) for part in code.split())
        for word in words.split(","):
            table[word] = (glyph, _rgb(colour), _stand(stand))
    return table


THINGS = _read_things()
"""Word or phrase -> (glyph, usual colour, where it stands)."""

_PLACES: dict[Setting, str] = {
    "sea": "sea ocean wave waves seascape harbour harbor bay marina pacific atlantic",
    "beach": "beach shore coast seaside island lagoon sandbar",
    "lake": "lake river pond fjord stream lakeside reflection waterfall",
    "mountains": "mountain mountains peak peaks alps alpine ridge himalaya canyon cliff glacier volcano landscape",
    "forest": "forest woods woodland jungle rainforest grove trail",
    "desert": "desert dune dunes sahara oasis mesa wasteland",
    "city": (
        "city skyline street town downtown skyscraper skyscrapers tokyo york london paris metropolis alley "
        "cityscape urban building buildings"
    ),
    "space": "space galaxy nebula planet planets cosmos cosmic universe orbit stars milky",
    "meadow": (
        "meadow field fields hill hills countryside valley garden farm park grass prairie pasture lawn "
        "vineyard backyard road savanna savannah"
    ),
    "table": (
        "table desk kitchen cafe countertop counter shelf breakfast wooden workbench windowsill room interior indoor restaurant bar"
    ),
    "studio": "studio backdrop product packshot podium pedestal plain catalog catalogue",
    "abstract": "abstract marble texture pattern fluid swirl swirls liquid wallpaper agate geode gradient paint ink smoke",
    "underwater": "underwater reef seabed aquarium undersea",
    "sky": "sky skies cloud clouds cloudscape heaven aerial",
}
PLACES: dict[str, Setting] = {word: setting for setting, words in _PLACES.items() for word in words.split()}

_TIMES: dict[Time, str] = {
    "sunset": "sunset dusk evening twilight",
    "dawn": "dawn sunrise morning",
    "night": "night midnight moonlit moonlight nighttime starry moon dark aurora",
    "golden": "golden warm",
    "storm": "storm stormy rainy rain overcast gloomy moody thunderstorm cloudy foggy fog misty mist",
    "neon": "neon cyberpunk synthwave vaporwave futuristic",
    "day": "day noon sunny midday daylight bright clear",
}
TIMES: dict[str, Time] = {word: time for time, words in _TIMES.items() for word in words.split()}

_SEASONS: dict[Season, str] = {
    "spring": "spring blossoming blooming",
    "summer": "summer tropical",
    "autumn": "autumn autumnal fall october november",
    "winter": "winter snow snowy icy frozen ice frost frosty christmas arctic",
}
SEASONS: dict[str, Season] = {word: season for season, words in _SEASONS.items() for word in words.split()}

_WEATHERS = {
    "rain": "rain rainy raining wet drizzle storm thunderstorm",
    "snow": "snowing snowfall snowstorm blizzard",
    "fog": "fog foggy mist misty haze hazy",
    "stars": "starry stars milky",
    "clouds": "cloud clouds cloudy overcast",
    "aurora": "aurora",
}
WEATHERS: dict[str, str] = {word: weather for weather, words in _WEATHERS.items() for word in words.split()}

_COLOURS = """
red=c9302c crimson=a8172f scarlet=d62a1e maroon=6e1a26 burgundy=6a1c32 pink=ef8fb0 magenta=c93a94 rose=e0768f coral=f27a5e
orange=ee8226 peach=f6b48c amber=efa42a gold=d9a93a golden=e0ae3e yellow=f2cf3a mustard=cf9f2c cream=f3e8d0 beige=dccbac
tan=c9a676 brown=7d5233 bronze=9a6a3a copper=b9693c chocolate=5a3825 green=4a9a46 lime=9ccf3c olive=7f8a3a emerald=1f8f5f
mint=9fdcc0 sage=9db391 teal=1f8a8a turquoise=36bdb6 cyan=2fb8d6 aqua=4fc8cf blue=2f6fc0 navy=1c2f5e azure=3f93e0
indigo=3f3a94 purple=7a46a6 violet=8452c4 lavender=b7a3dc lilac=c6a8d9 plum=7a3a6a white=f4f4f2 ivory=f3efe2 silver=b9bec6
grey=85888c gray=85888c charcoal=3a3d42 black=1f2024
"""
COLOURS: dict[str, Rgb] = {name: _rgb(value) for name, value in (pair.split("=") for pair in _COLOURS.split())}
"""Colour words."""

_MATERIALS = """
wooden wood metal glass ceramic stone plastic leather paper brick steel shiny old small little big large tiny cute vintage
modern
"""
MATERIALS = frozenset(_MATERIALS.split())
"""Adjectives that may stand between a colour and its noun."""
