from greeting import greet
print(greet("world"))
